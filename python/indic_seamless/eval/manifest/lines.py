"""Lines of text, of JSON and of CSV, with the numbers that errors name."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import Problems

Numbered = tuple[str, dict[str, Any]]
"""Where a record is, and the record."""


def text_lines(path: Path, problems: Problems) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, without their ends, each with where it is."""
    try:
        content = path.read_bytes()
    except OSError as error:
        problems.add(path, str(error), "a file that can be read")
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        where = f"{path}, line {number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            problems.add(where, f"the byte 0x{line[error.start]:02x}", "UTF-8")
            continue
        if text.strip():
            yield where, text


class _TwiceError(ValueError):
    """A name that an object has twice, of which JSON would take the last value."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if twice := _twice([name for name, _ in pairs]):
        raise _TwiceError(f"{twice!r} twice")
    return dict(pairs)


def _twice(names: Sequence[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if name and count > 1), None)


def json_lines(path: Path, problems: Problems) -> Iterator[Numbered]:
    """The objects of a JSON-lines file."""
    for where, text in text_lines(path, problems):
        try:
            record = json.loads(text, object_pairs_hook=_object)
        except _TwiceError as error:
            problems.add(where, str(error), "each name once")
            continue
        except ValueError as error:
            problems.add(where, f"{text[:40]!r}, which is no JSON ({error})", "a whole object on each line")
            continue
        if not isinstance(record, dict):
            problems.add(where, type(record).__name__, "an object")
            continue
        yield where, record


def csv_lines(path: Path, delimiter: str, problems: Problems) -> Iterator[Numbered]:
    """The rows of a CSV file by the names of its first line."""
    try:
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(path, f"bytes that are no UTF-8 ({error.reason})", "UTF-8")
        return
    rows = csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        if twice := _twice(rows.fieldnames or ()):
            problems.add(f"{path}, line 1", f"the column {twice!r} twice", "each name once")
            return
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if None in row or None in row.values():
                cells = sum(len(value) if isinstance(value, list) else value is not None for value in row.values())
                problems.add(where, f"{cells} cells", f"{len(rows.fieldnames or ())}, as in the first line")
                continue
            yield where, dict(row)
    except csv.Error as error:
        problems.add(f"{path}, line {rows.line_num}", str(error), "CSV with closed quotes")


def string(record: dict[str, Any], name: str, where: str, problems: Problems) -> str | None:
    """A field that must be there, be text and not be blank."""
    value = record.get(name)
    if isinstance(value, str) and (value.strip() or name == "text"):
        return value
    found = f"no {name!r}" if value is None else f"{name!r}: {value!r}"
    problems.add(where, found, f"text in {name!r}")
    return None
