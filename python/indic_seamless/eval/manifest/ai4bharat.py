"""What the data sets of AI4Bharat share: a folder for each language, named in English, and manifests in NeMo's form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import languages
from ..clip import Clip
from ..errors import Problems
from . import parquet
from .lines import json_lines, string
from .wanted import Wanted


def folders(root: Path, wanted: Wanted, problems: Problems) -> dict[str, Path]:
    """The folder of each wanted language, by its code."""
    found: dict[str, Path] = {}
    for folder in sorted(one for one in root.iterdir() if one.is_dir() and not one.name.startswith((".", "_"))):
        # Languages that the model does not know are no problem if others were chosen.
        silent = Problems(root)
        code = languages.checked(folder.name, folder, silent if wanted.sources else problems)
        if code is not None and wanted.speaks(code):
            found[code] = folder
    for code in sorted(wanted.sources - found.keys()):
        problems.add(root, f"no folder for {code}", "one with the language's English name")
    return found


def nemo(file: Path, source: str | None, problems: Problems) -> Iterator[Clip]:
    """The clips of JSON lines with ``audio_filepath`` and ``text``, and ``lang`` unless ``source`` is known.

    The paths are often those of the machine that made them. Then recordings are looked for in the folders ``audio`` and
    ``audios`` beside the file or its folder.
    """
    for where, record in json_lines(file, problems):
        audio, text = (string(record, name, where, problems) for name in (parquet.AUDIO, "text"))
        lang = source
        if source is None:
            name = string(record, "lang", where, problems)
            lang = languages.checked(name, where, problems) if name is not None else None
        if audio is None or text is None or lang is None:
            continue
        yield Clip(Path(audio).stem, _recording(file, audio), text, lang, lang)


def _recording(file: Path, audio: str) -> Path:
    named = file.parent / audio
    if named.is_file():
        return named
    places = (folder / name for folder in (file.parent, file.parent.parent) for name in ("audio", "audios"))
    return next((place / named.name for place in places if (place / named.name).is_file()), named)


def rows(file: Path, source: str, problems: Problems) -> Iterator[Clip]:
    """The clips of a Parquet file."""
    for row, name, record in parquet.rows(file, ["text"], problems):
        text = string(record, "text", f"{file}, group {row.group}, row {row.index}", problems)
        if text is not None:
            yield Clip(name, row, text, source, source)
