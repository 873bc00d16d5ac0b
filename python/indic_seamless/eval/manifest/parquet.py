"""Data sets on the hub whose recordings lie in Parquet files, as bytes with a name."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..clip import Row
from ..errors import ManifestError, Problem, Problems
from ..packages import need

AUDIO = "audio_filepath"
"""The column with the recordings in the data sets of AI4Bharat: ``{bytes, path}``."""


def rows(file: Path, columns: Sequence[str], problems: Problems) -> Iterator[tuple[Row, str, dict[str, Any]]]:
    """The rows of a file: where the recording is, its name, and other columns. Recordings are not read."""
    opened = _open(file, problems)
    if opened is None:
        return
    names = {AUDIO, *columns}
    if missing := names - set(opened.schema_arrow.names):
        problems.add(file, f"the columns {', '.join(opened.schema_arrow.names)}", f"{', '.join(sorted(missing))} as well")
        return
    for group in range(opened.num_row_groups):
        table = opened.read_row_group(group, columns=[f"{AUDIO}.path", *columns])
        for index, record in enumerate(table.to_pylist()):
            row = Row(file, AUDIO, group, index)
            if record[AUDIO] is None:
                problems.add(f"{file}, group {group}, row {index}", f"nothing in {AUDIO}", "a recording")
                continue
            name = record[AUDIO]["path"] or f"{file.stem}-{group}-{index}"
            yield row, Path(name).stem, record


def _open(file: Path, problems: Problems) -> Any:
    arrow = need("pyarrow")
    try:
        return need("pyarrow.parquet").ParquetFile(file)
    except (OSError, arrow.ArrowInvalid) as error:
        problems.add(file, str(error).splitlines()[0], "a whole Parquet file")
        return None


@functools.lru_cache(maxsize=2)
def _group(file: Path, column: str, group: int) -> list[bytes]:
    """The recordings of one row group: some hundred clips. Clips come in order, so that the last ones are enough."""
    table = need("pyarrow.parquet").ParquetFile(file).read_row_group(group, columns=[f"{column}.bytes"])
    return [one["bytes"] for one in table.column(column).to_pylist()]


def recording(row: Row) -> bytes:
    """The bytes of a recording."""
    found = _group(row.file, row.column, row.group)[row.index]
    if not isinstance(found, bytes):
        where = f"{row.file}, group {row.group}, row {row.index}"
        raise ManifestError(row.file, [Problem(where, "no bytes", "a recording")], 1)
    return found
