"""The hypotheses of a run, written as they come, so that a run that was interrupted goes on where it was.

The file is JSON lines: first the settings, then a hypothesis each. A last line that was cut is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from .clip import Hypothesis
from .errors import HypothesesError, SettingsError


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def parse(path: Path, lines: Iterable[tuple[int, bytes]]) -> dict[str, Hypothesis]:
    """The hypotheses of JSON lines, which come with their numbers, by the ids of their clips."""
    found: dict[str, Hypothesis] = {}
    for number, line in lines:
        try:
            record = json.loads(line)
            one = Hypothesis(record["id"], record["text"], record.get("tokens"), record.get("error"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise HypothesesError(path, f"line {number}: {line[:40]!r}", "an object with 'id' and 'text'") from None
        if not isinstance(one.id, str) or not isinstance(one.text, str):
            raise HypothesesError(path, f"line {number}: {line[:40]!r}", "text in 'id' and 'text'")
        if one.id in found:
            raise HypothesesError(path, f"line {number}: the id {one.id!r} again", "one hypothesis for each clip")
        found[one.id] = one
    return found


def read(path: Path) -> dict[str, Hypothesis]:
    """The hypotheses of any system; those of another evaluation, too."""
    try:
        lines = [(number, line) for number, line in enumerate(path.read_bytes().split(b"\n"), 1) if line.strip()]
    except OSError as error:
        raise HypothesesError(path, str(error), "a file of JSON lines with 'id' and 'text'") from error
    skip = 1 if lines and lines[0][1].startswith(b'{"settings"') else 0
    return parse(path, lines[skip:])


class Store:
    """The file of a run. Use it in a ``with`` statement."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Begins a run, or goes on with it. Raises :class:`SettingsError` if it was made with other settings."""
        self.path = path
        self.done: dict[str, Hypothesis] = {}
        # As they are read back: tuples become lists.
        wanted: dict[str, Any] = json.loads(_line(settings))
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.split(b"\n")[:-1]
        if lines:
            self._compare(lines[0], wanted)
            self.done = parse(path, enumerate(lines[1:], 2))
        self._file: IO[bytes] = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not lines:
            self._write({"settings": wanted})

    def _compare(self, line: bytes, wanted: dict[str, Any]) -> None:
        try:
            found = json.loads(line)["settings"]
        except (ValueError, KeyError, TypeError):
            raise HypothesesError(self.path, f"line 1: {line[:40]!r}", "the settings of a run") from None
        for name in sorted({*found, *wanted}):
            if found.get(name) != wanted.get(name):
                where = f"{name} of the run in {self.path}"
                raise SettingsError(where, found.get(name), f"{wanted.get(name)}, or another --output")

    def _write(self, value: Mapping[str, Any]) -> None:
        self._file.write(_line(value))
        self._file.flush()

    def add(self, one: Hypothesis) -> None:
        """Writes a hypothesis."""
        record = {"id": one.id, "text": one.text, "tokens": one.tokens, "error": one.error}
        self._write({name: value for name, value in record.items() if value is not None})
        self.done[one.id] = one

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
