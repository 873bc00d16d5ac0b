#!/usr/bin/env python3
"""Reads every NAME.srt and NAME.vtt in a folder with parsers that are not ours, and compares with the cues in NAME.json.

NAME.json is a list of [start in seconds, end in seconds, [line, ...]].
"""

import html
import json
import sys
from pathlib import Path

import pysubs2
import srt
import webvtt

LONGEST_MS = 7000
# What the files add to the text: marks of direction, and what keeps text from being taken for markup.
ADDED = str.maketrans("", "", "\u202b\u202c\u2060")


def ms(seconds: float) -> int:
    return round(seconds * 1000)


def with_srt(path: Path) -> list:
    cues = srt.parse(path.read_text(encoding="utf-8"), ignore_errors=False)
    return [(ms(cue.start.total_seconds()), ms(cue.end.total_seconds()), cue.content) for cue in cues]


def with_pysubs2(path: Path) -> list:
    # Markup that it finds in the text becomes other markup.
    return [(event.start, event.end, event.text.replace("\\N", "\n")) for event in pysubs2.load(str(path), encoding="utf-8", format_="srt")]


def with_webvtt(path: Path) -> list:
    def times(cue: webvtt.Caption) -> tuple:
        return cue.start_time.in_milliseconds(), cue.end_time.in_milliseconds()

    return [(*times(cue), html.unescape(cue.raw_text)) for cue in webvtt.read(path)]


def main() -> None:
    names = sorted(Path(sys.argv[1]).glob("*.json"))
    for name in names:
        wanted = [(ms(start), ms(end), "\n".join(lines)) for start, end, lines in json.loads(name.read_text(encoding="utf-8"))]
        for parser, extension in [(with_srt, ".srt"), (with_pysubs2, ".srt"), (with_webvtt, ".vtt")]:
            found = [(start, end, text.translate(ADDED)) for start, end, text in parser(name.with_suffix(extension))]
            assert found == wanted, f"{name.stem}: {parser.__name__}\nfound  {found}\nwanted {wanted}"
        for (start, end, _), (following, _, _) in zip(wanted, wanted[1:] + [(float("inf"), 0, "")]):
            assert start < end <= following and end - start <= LONGEST_MS, f"{name.stem}: {start} to {end} ms"
    print(f"{len(names)} recordings")


if __name__ == "__main__":
    main()
