#!/usr/bin/env python3
"""Makes recordings as recorders, messengers, editors and networks make them, whole and damaged.

    make.py DIR [SUBJECT ...]

Each subject is a file in `makers`; without a name, all are made but `large`, whose files are sparse or take minutes to decode.
`table.rs` has a row for each file in DIR. What the cases are made of is in DIR/parts.

Needs ffmpeg, sox and flac. ci/cases.sh runs this.
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from makers import flac, foreign, large, levels, matroska, mp4, mpeg, ogg, speech, tones, wav

SUBJECTS = {module.__name__.split(".")[-1]: module for module in (ogg, wav, flac, mpeg, mp4, matroska, foreign, tones, levels)}
LARGE = {"large": large}


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes recordings for tests.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=" ".join(SUBJECTS | LARGE))
    arguments = parser.parse_args()
    if unknown := set(arguments.subjects) - set(SUBJECTS | LARGE):
        parser.error(f"no such subject: {' '.join(sorted(unknown))}")
    subjects = arguments.subjects or SUBJECTS
    examples = Path(__file__).resolve().parents[2] / "examples" / "audio"
    (arguments.folder / "parts").mkdir(parents=True, exist_ok=True)
    os.chdir(arguments.folder)
    speech.make(examples)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for result in [threads.submit((SUBJECTS | LARGE)[name].make) for name in subjects]:
            result.result()


if __name__ == "__main__":
    main()
