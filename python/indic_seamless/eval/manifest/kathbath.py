"""Kathbath: from the hub, or the archives of IndicSUPERB.

From the hub (``ai4bharat/Kathbath``) there are ``hindi/valid-00000-of-00001.parquet`` and so on. The archives unpack to
``kb_data_clean_m4a/hindi/test_known/transcription_n2w.txt``, a recording and its text on each line, and
``kb_data_clean_m4a/hindi/test_known/audio/*.m4a``, of which many people make WAV files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..clip import Clip, Manifest
from ..errors import Problems
from .ai4bharat import folders, rows
from .lines import text_lines
from .wanted import Wanted

_TRANSCRIPTS = "transcription_n2w.txt"


def _audio(folder: Path, name: str) -> Path:
    named = folder / "audio" / name
    places = [named, folder / name]
    return next((one for place in places for one in (place, place.with_suffix(".wav")) if one.is_file()), named)


def _clips(folder: Path, source: str, split: str, problems: Problems) -> Iterator[Clip]:
    stored = sorted(folder.glob(f"{split}-*.parquet"))
    for file in stored:
        yield from rows(file, source, problems)
    transcripts = folder / split / _TRANSCRIPTS
    if not transcripts.is_file():
        if not stored:
            problems.add(folder, "nothing", f"{split}-*.parquet or {split}/{_TRANSCRIPTS}")
        return
    for where, line in text_lines(transcripts, problems):
        name, _, text = line.partition("\t")
        if not text.strip():
            problems.add(where, repr(line[:40]), "a recording, a tab and its text")
            continue
        yield Clip(Path(name).stem, _audio(transcripts.parent, name), text.strip(), source, source)


def read(path: Path, wanted: Wanted, problems: Problems) -> Manifest:
    """Reads the folders of the wanted languages below ``path``, or below its only folder ``kb_data_*``."""
    split = wanted.split or "valid"
    inner = sorted(path.glob("kb_data_*"))
    places = folders(inner[0] if len(inner) == 1 else path, wanted, problems)
    clips = [clip for source, folder in places.items() for clip in _clips(folder, source, split, problems)]
    configs = {source: folder.name.lower() for source, folder in places.items()}
    return Manifest(path, list(wanted.of(clips)), "kathbath", "ai4bharat/Kathbath", split, configs)
