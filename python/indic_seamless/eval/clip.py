"""What is evaluated: clips with their references, and the hypotheses of a system."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """A recording in a column of a Parquet file."""

    file: Path
    column: str
    group: int
    """The row group, counted from 0."""
    index: int
    """The row within the group, counted from 0."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording with what is said in it."""

    id: str
    """Unique in the manifest."""
    audio: Path | Row
    text: str
    """The reference, as it was written."""
    source: str
    """The code of the language that is spoken."""
    target: str
    """The code of the language of the text."""

    @property
    def direction(self) -> tuple[str, str]:
        """Source and target."""
        return self.source, self.target


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a system makes of a clip."""

    id: str
    """That of the clip."""
    text: str
    tokens: list[list[int]] | None = None
    """The decoder's sequence of each segment, where the system tells it."""
    error: str | None = None
    """Why there is no text."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The clips of a data set."""

    path: Path
    clips: list[Clip]
    layout: str
    dataset: str | None = None
    """Its id on the Hugging Face hub."""
    split: str | None = None
    configs: dict[str, str] = field(default_factory=dict)
    """The data set's own names of the spoken languages, by their codes."""
    left_out: int = 0
    """Clips whose sentence is not there in the target language."""

    def digest(self) -> str:
        """SHA-256 of what hypotheses depend on: ids, names of recordings and languages. Folders may be moved."""
        whole = hashlib.sha256()
        for clip in self.clips:
            audio = clip.audio
            where: list[object] = [audio.name] if isinstance(audio, Path) else [audio.file.name, audio.group, audio.index]
            line = json.dumps([clip.id, where, clip.source, clip.target], ensure_ascii=False)
            whole.update(line.encode() + b"\n")
        return whole.hexdigest()
