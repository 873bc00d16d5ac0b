"""IndicVoices: from the hub, or cut into clips by the ``create_indicvoices.py`` of its repository.

From the hub (``ai4bharat/IndicVoices``) there are ``hindi/valid-00000-of-00001.parquet`` and so on. The script writes
``Hindi/v1/valid/audios/*.wav`` and ``Hindi/v1/valid/transcripts/*.json``, and its ``create_manifest.sh`` one file of all those
lines, which may be given as well. References are ``text``, the normalised transcript.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..clip import Clip, Manifest
from ..errors import Problems
from .ai4bharat import folders, nemo, rows
from .wanted import Wanted


def _clips(folder: Path, source: str, split: str, problems: Problems) -> Iterator[Clip]:
    stored = sorted(folder.glob(f"{split}-*.parquet"))
    transcripts = sorted(folder.glob(f"**/{split}/transcripts/*.json"))
    for file in stored:
        yield from rows(file, source, problems)
    for file in transcripts:
        yield from nemo(file, source, problems)
    if stored or transcripts:
        return
    whole = next(folder.glob(f"**/{split}/*.json"), None)
    found = f"whole recordings, such as {whole}" if whole else "nothing"
    wanted = "clips, made by create_indicvoices.py" if whole else f"{split}-*.parquet or **/{split}/transcripts/*.json"
    problems.add(folder, found, wanted)


def read(path: Path, wanted: Wanted, problems: Problems) -> Manifest:
    """Reads the folders of the wanted languages below ``path``, or a manifest of clips."""
    split = wanted.split or "valid"
    if path.is_file():
        clips, configs = list(nemo(path, None, problems)), {}
    else:
        places = folders(path, wanted, problems)
        clips = [clip for source, folder in places.items() for clip in _clips(folder, source, split, problems)]
        configs = {source: folder.name.lower() for source, folder in places.items()}
    return Manifest(path, list(wanted.of(clips)), "indicvoices", "ai4bharat/IndicVoices", split, configs)
