#!/usr/bin/env python3
"""Compares this crate with Hugging Face transformers and CTranslate2 on this machine; prints a Markdown table per clip.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python compare.py --work DIR

All engines run in turn, each run a process of its own with the same number of threads, and the next round starts over,
so that a machine that slows down does so for all. A figure is the median over the rounds of the median of a run.

The work folder needs 9 GB: a checkpoint of the published size with random weights (`tests/golden/make_golden.py`), the
same with int8 weights, the models of CTranslate2 (`ctranslate2_models.py`) and the clips. What is there already is used
again.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CLIPS_S = (10, 30)
RATE = 16000
Json = dict[str, Any]

REFERENCE = {name: f"transformers {name}" for name in ("fp32", "bf16", "int8")}
CRATE = {name: f"this crate {name}" for name in ("f32", "bf16", "int8")}
CTRANSLATE2 = "CTranslate2 int8"
RATIOS = {name: f"fp32 / this crate {name}" for name in ("int8", "f32")}
ROWS = {
    "load_s": "load",
    "features_s": "features",
    "encoder_s": "encoder",
    "first_token_s": "first token",
    "greedy_token_s": "token, greedy",
    "beam5_token_s": "token, beam 5",
    "end_to_end_s": "end to end, {new_tokens} tokens",
    "peak_memory_gb": "peak memory",
}


class Models(NamedTuple):
    checkpoint: Path
    int8: Path
    ctranslate2: Path


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def python(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(HERE / script), *map(str, arguments)]


def example(name: str, *arguments: object) -> list[str]:
    return ["cargo", "run", "--release", "--quiet", "--example", name, "--", *map(str, arguments)]


def run(command: list[str]) -> str:
    return subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout


def make(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a folder unless it is there; under another name at first, so that what is there is complete."""
    if not path.exists():
        say(f"writing {path}")
        part = path.with_name(f"{path.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        write(part)
        part.rename(path)


def write_clip(path: Path, recordings: list[Path], seconds: int) -> None:
    """The recordings one after the other, again and again, up to the wanted length."""
    samples = b""
    for recording in recordings:
        with wave.open(str(recording)) as file:
            found = file.getframerate(), file.getnchannels(), file.getsampwidth()
            if found != (RATE, 1, 2):
                sys.exit(f"{recording}: wanted 16 kHz, one channel, 16 bits; found {found}")
            samples += file.readframes(file.getnframes())
    size = seconds * RATE * 2
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * (size // len(samples) + 1))[:size])


def make_models(work: Path) -> Models:
    random, int8, ctranslate2 = work / "random", work / "random-int8", work / "ctranslate2"
    golden = [sys.executable, str(REPOSITORY / "tests" / "golden" / "make_golden.py"), "--size", "large", "--no-audio"]
    make(random, lambda part: run([*golden, "--out", str(part)]))
    checkpoint = random / "model"
    make(int8, lambda part: run(example("quantize", "--model", checkpoint, "--output", part)))
    make(ctranslate2, lambda part: run(python("ctranslate2_models.py", "--build", "--models", part)))
    return Models(checkpoint, int8, ctranslate2)


class Engine(NamedTuple):
    model: Path
    command: list[str]

    def measure(self) -> Json:
        for path in self.model.rglob("*"):  # Loading is timed with the files in the page cache.
            if path.is_file():
                with path.open("rb") as file:
                    while file.read(1 << 24):
                        pass
        return json.loads(run(self.command))


def engines(args: argparse.Namespace, models: Models, audio: Path, seconds: int) -> dict[str, Engine]:
    """What to run, by the column of the table."""
    common = ("--threads", args.threads, "--repeats", args.repeats, "--new-tokens", args.new_tokens)
    clip = ("--audio", audio, *common)
    found = {}
    for dtype, column in REFERENCE.items():
        command = python("reference.py", "--model", models.checkpoint, "--dtype", dtype, *clip)
        found[column] = Engine(models.checkpoint, command)
    for precision, column in CRATE.items():
        model = models.int8 if precision == "int8" else models.checkpoint
        found[column] = Engine(model, example("measure", "--model", model, "--precision", precision, *clip))
    command = python("ctranslate2_models.py", "--models", models.ctranslate2, "--audio-s", seconds, *common)
    found[CTRANSLATE2] = Engine(models.ctranslate2, command)
    return found


def figures(runs: list[Json]) -> dict[str, float]:
    """The median of every number over the runs, where a stage stands for its own median."""
    values: dict[str, list[float]] = {}
    for key, value in (item for found in runs for item in found.items()):
        number = value["median"] if isinstance(value, dict) else value
        if isinstance(number, int | float):
            values.setdefault(key, []).append(number)
    return {key: statistics.median(numbers) for key, numbers in values.items()}


def shown(key: str, value: float) -> str:
    if key.endswith("_gb"):
        return f"{value:.1f} GB"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.{1 if value < 0.1 else 0}f} ms"


def table(measured: dict[str, dict[str, float]], new_tokens: int) -> str:
    lines = [["", *measured, *RATIOS.values()]]
    for key, label in ROWS.items():
        cells = [label.format(new_tokens=new_tokens)]
        for found in measured.values():
            cells.append(shown(key, found[key]) if key in found else "")
        for precision in RATIOS:
            cells.append(f"{measured[REFERENCE['fp32']][key] / measured[CRATE[precision]][key]:.1f}")
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in [aligned[0], rule, *aligned[1:]])


def bandwidth(column: str, found: dict[str, float]) -> str:
    """What share of the memory's bandwidth a greedy step reaches by reading its weights once."""
    reached, possible = found["step_gb"] / found["step_beside_reading_s"], found["read_gb_per_s"]
    weights = f"{column}: a greedy step reads {found['step_gb']:.2f} GB"
    return f"- {weights} at {reached:.1f} of {possible:.1f} GB/s, {reached / possible:.0%} of the bandwidth"


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def compare(args: argparse.Namespace, models: Models, seconds: int) -> None:
    recordings = [args.audio] if args.audio else sorted((REPOSITORY / "examples" / "audio").glob("*.wav"))
    audio = args.work / f"clip-{seconds}s.wav"
    write_clip(audio, recordings, seconds)
    runs: dict[str, list[Json]] = {}
    for number in range(args.rounds):
        for column, engine in engines(args, models, audio, seconds).items():
            say(f"{seconds} s, round {number + 1} of {args.rounds}: {column}")
            runs.setdefault(column, []).append(engine.measure())
    measured = {column: figures(found) for column, found in runs.items()}
    isa, threads = runs[CRATE["int8"]][0]["isa"], args.threads
    print(f"\n{seconds} s of speech; {processor()}, {threads} thread{'s' if threads > 1 else ''}, {isa}\n")
    print(table(measured, args.new_tokens), end="\n\n")
    for column in CRATE.values():
        print(bandwidth(column, measured[column]))
    found = runs[CTRANSLATE2][0]
    supported = ", ".join(found["supported_compute_types"])
    print(f"- {CTRANSLATE2}: computes in {found['precision']}; has {supported} on this machine", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for models and clips")
    parser.add_argument("--audio", type=Path, help="WAV file at 16 kHz to make the clips of; default: examples/audio")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="how many times every engine runs")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each stage in a round")
    parser.add_argument("--new-tokens", type=int, default=32, help="how many tokens every search makes")
    args = parser.parse_args()
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.audio:
        args.audio = args.audio.resolve()
    models = make_models(args.work)
    for seconds in CLIPS_S:
        compare(args, models, seconds)


if __name__ == "__main__":
    main()
