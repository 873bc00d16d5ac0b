"""``python -m indic_seamless.eval``: a table of error rates from a manifest with references."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .. import Error
from . import manifest
from .bootstrap import Resampling
from .card import model_index
from .errors import SettingsError
from .run import TRANSFORMERS, Settings, evaluate
from .systems import Search


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indic_seamless.eval",
        description="Transcribes the clips of a manifest and compares the texts with its references. Prints a table; "
        "OUTPUT gets result.md, result.json, model-index.yml and the hypotheses. Called again, it goes on where it was.",
    )
    parser.add_argument("manifest", type=Path, help="JSON lines or CSV, or the folder of a data set")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    data = parser.add_argument_group("data")
    data.add_argument("--layout", default="generic", choices=manifest.LAYOUTS, help="of the data set (generic)")
    data.add_argument("--split", help="test, valid and so on; the layout's usual one")
    data.add_argument("--lang", action="append", default=[], help="only this spoken language; may be given again")
    data.add_argument("--target-lang", action="append", default=[], help="translate into it; with fleurs")
    data.add_argument("--limit", type=int, help="only the first clips of each direction")
    data.add_argument("--dataset", help="its name in the results, such as its id on the hub")
    data.add_argument("--dataset-revision", help="its commit on the hub, for the results")
    model = parser.add_argument_group("systems")
    model.add_argument("--model", default="ai4bharat/indic-seamless", help="folder, id on the hub, or demo (%(default)s)")
    model.add_argument("--revision", help="of the model on the hub")
    model.add_argument("--precision", default="auto", help="auto, f32, bf16, int8, int4, or several with commas (auto: as stored)")
    model.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="transformers|NAME=FILE",
        help="compare with transformers, which is then the baseline, or with the hypotheses in a file",
    )
    model.add_argument("--threads", type=int, help="of the processor; all if left out")
    model.add_argument("--at-a-time", type=int, default=16, help="recordings at a time (%(default)s)")
    search = parser.add_argument_group("search")
    search.add_argument("--beams", type=int, help="1 is greedy; the checkpoint's if left out")
    search.add_argument("--max-new-tokens", type=int)
    cut = "none: clips are not cut; auto: recordings are cut at pauses (none)"
    search.add_argument("--segmentation", default="none", choices=("auto", "always", "none"), help=cut)
    search.add_argument("--retry", default="auto", choices=("auto", "always", "never"), help="of searches that loop (auto)")
    intervals = parser.add_argument_group("intervals")
    intervals.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap (%(default)s)")
    intervals.add_argument("--seed", type=int, default=1, help="of the draws (%(default)s)")
    return parser


def _others(against: Sequence[str]) -> dict[str, Path]:
    others: dict[str, Path] = {}
    for one in against:
        name, equals, path = one.partition("=")
        if one == TRANSFORMERS:
            continue
        if not (name and equals and path) or name in others:
            raise SettingsError("against", repr(one), f"{TRANSFORMERS} or NAME=FILE, each name once")
        others[name] = Path(path)
    return others


def _settings(given: argparse.Namespace) -> Settings:
    return Settings(
        model=given.model,
        revision=given.revision,
        precisions=tuple(name.strip() for name in given.precision.split(",")),
        transformers=TRANSFORMERS in given.against,
        others=_others(given.against),
        search=Search(given.beams, given.max_new_tokens, given.segmentation, given.retry),
        threads=given.threads,
        at_a_time=given.at_a_time,
        resampling=Resampling(given.samples, given.seed),
        dataset=given.dataset,
        dataset_revision=given.dataset_revision,
    )


class _Progress:
    """A line on standard error every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, system: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + 5
            print(f"{system}: {done} of {total} clips", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    given = _arguments().parse_args(arguments)
    try:
        settings = _settings(given)
        settings.check()
        read = manifest.read(
            given.manifest,
            given.layout,
            split=given.split,
            sources=given.lang,
            targets=given.target_lang,
            limit=given.limit,
        )
        report = evaluate(read, settings, given.output, _Progress())
    except (Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    table = report.to_markdown()
    for name, text in (("json", report.to_json()), ("md", table)):
        (given.output / f"result.{name}").write_text(text, "utf-8")
    (given.output / "model-index.yml").write_text(model_index(report), "utf-8")
    print(table, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
