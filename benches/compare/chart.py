#!/usr/bin/env python3
"""Draws docs/speed.svg from figures.json: seconds from recording to text, for each engine, clip and instruction set.

    python3 chart.py            # writes the picture
    python3 chart.py --check    # fails if the picture is not that of the figures

The figures are those that `compare.py` printed, a machine for each instruction set.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURE = HERE.parents[1] / "docs" / "speed.svg"
WIDTH, BARS, MEMORY = 760, (172, 420), 740
# The longest bar, in pixels: it ends before those of the next clip begin.
ROOM = 198
ROW, BAR = 26, 17

STYLE = """
    .card { fill: #ffffff; stroke: #d0d7de }
    text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-size: 15px; font-weight: 600 }
    .note, .memory { fill: #59636e; font-size: 12px }
    .ours-label, .ours-value { font-weight: 600 }
    .theirs { fill: #9aa4af }
    .ours { fill: #e0700b }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #3d444d }
      text { fill: #f0f6fc }
      .note, .memory { fill: #9198a1 }
      .theirs { fill: #656c76 }
      .ours { fill: #f0883e }
    }
  """


def seconds(value: float) -> str:
    """As many digits as the tables have."""
    return f"{value:.0f}" if value >= 15 else f"{value:.1f}"


def draw(groups: list[dict]) -> str:
    """The picture; each group has its bars on one scale, that of its slowest engine."""
    parts, said, y = [], [], 30
    parts.append(f'<text class="title" x="20" y="{y}">Seconds from recording to text, on two CPU threads (shorter is better)</text>')
    for group in groups:
        clips = group["clips_s"]
        y += 28
        parts.append(f'<text class="note" x="20" y="{y}">{group["instructions"]}</text>')
        for clip, x in zip(clips, BARS):
            parts.append(f'<text class="note" x="{x}" y="{y}">{clip} s of speech</text>')
        parts.append(f'<text class="note" x="{MEMORY}" y="{y}" text-anchor="end">peak memory</text>')
        scale = ROOM / max(max(engine["end_to_end_s"]) for engine in group["engines"])
        takes = []
        y += 22
        for engine in group["engines"]:
            ours = engine["name"].startswith("indic-seamless")
            mark = ' class="ours-label"' if ours else ""
            parts.append(f'<text{mark} x="20" y="{y}">{engine["name"]}</text>')
            for value, x in zip(engine["end_to_end_s"], BARS):
                width = max(round(value * scale), 1)
                mark = ' class="ours-value"' if ours else ""
                parts.append(f'<rect class="{"ours" if ours else "theirs"}" x="{x}" y="{y - 13}" width="{width}" height="{BAR}" rx="2"/>')
                parts.append(f'<text{mark} x="{x + width + 6}" y="{y}">{seconds(value)}</text>')
            parts.append(f'<text class="memory" x="{MEMORY}" y="{y}" text-anchor="end">{engine["peak_memory_gb"]:.1f} GB</text>')
            values = " and ".join(f"{seconds(value)} s" for value in engine["end_to_end_s"])
            takes.append(f'{engine["name"]} takes {values}')
            y += ROW
        y -= ROW - 10
        said.append(f'{group["instructions"]}, {" and ".join(map(str, clips))} s of speech: {"; ".join(takes)}')
    y += 24
    parts.append(f'<text class="note" x="20" y="{y}">End to end with the model loaded, 32 tokens. docs/performance.md has every stage, and the machines.</text>')
    height = y + 18
    body = "\n  ".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">
  <title id="title">Seconds from recording to text, on two CPU threads</title>
  <desc id="description">{"; ".join(said)}.</desc>
  <style>{STYLE}</style>
  <rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>
  {body}
</svg>
"""


def main() -> None:
    picture = draw(json.loads((HERE / "figures.json").read_text()))
    if sys.argv[1:] == ["--check"]:
        if PICTURE.read_text() != picture:
            sys.exit(f"{PICTURE} is not the picture of {HERE / 'figures.json'}: run benches/compare/chart.py")
    else:
        PICTURE.write_text(picture)


if __name__ == "__main__":
    main()
