"""The generic manifest: JSON lines or CSV with ``audio``, ``text`` and ``lang``, and where needed ``target_lang`` and ``id``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import languages
from ..clip import Clip, Manifest
from ..errors import Problems
from .lines import Numbered, csv_lines, json_lines, string
from .wanted import Wanted


def _records(path: Path, problems: Problems) -> Iterator[Numbered]:
    if path.suffix.lower() in (".csv", ".tsv"):
        return csv_lines(path, "," if path.suffix.lower() == ".csv" else "\t", problems)
    return json_lines(path, problems)


def _clips(path: Path, problems: Problems) -> Iterator[Clip]:
    for where, record in _records(path, problems):
        audio, text, lang = (string(record, name, where, problems) for name in ("audio", "text", "lang"))
        source = languages.checked(lang, where, problems) if lang is not None else None
        target = source
        # An empty cell of a CSV file is no language.
        if record.get("target_lang") not in (None, ""):
            name = string(record, "target_lang", where, problems)
            target = languages.checked(name, where, problems) if name is not None else None
        id = string(record, "id", where, problems) if record.get("id") not in (None, "") else audio
        if audio is None or text is None or source is None or target is None or id is None:
            continue
        # Translations of a recording would have the same name.
        if not record.get("id") and target != source:
            id = f"{id}:{target}"
        yield Clip(id, path.parent / audio, text, source, target)


def read(path: Path, wanted: Wanted, problems: Problems) -> Manifest:
    """Reads a file; recordings are relative to its folder."""
    if path.is_dir():
        problems.add(path, "a folder", "a file of JSON lines or CSV, or another --layout")
        problems.check()
    return Manifest(path, list(wanted.of(_clips(path, problems))), "generic", split=wanted.split)
