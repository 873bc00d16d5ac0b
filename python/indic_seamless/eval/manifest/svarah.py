"""Svarah, English as Indians speak it: from the hub, or the archive of its repository.

From the hub (``ai4bharat/Svarah``) there are ``data/test-00000-of-00003.parquet`` and so on. The archive has
``svarah_manifest.json``, JSON lines with ``audio_filepath`` and ``text``, and the folder ``audio``.
"""

from __future__ import annotations

from pathlib import Path

from ..clip import Manifest
from ..errors import Problems
from .ai4bharat import nemo, rows
from .wanted import Wanted

_MANIFEST = "svarah_manifest.json"


def read(path: Path, wanted: Wanted, problems: Problems) -> Manifest:
    """Reads the folder ``path``, or a manifest in it."""
    split = wanted.split or "test"
    stored = sorted([*path.glob(f"{split}-*.parquet"), *path.glob(f"data/{split}-*.parquet")])
    file = path if path.is_file() else path / _MANIFEST
    if file.is_file():
        clips = list(nemo(file, "eng", problems))
    else:
        clips = [clip for one in stored for clip in rows(one, "eng", problems)]
        if not stored:
            problems.add(path, "nothing", f"{_MANIFEST} or data/{split}-*.parquet")
    return Manifest(path, list(wanted.of(clips)), "svarah", "ai4bharat/Svarah", split, {"eng": "default"})
