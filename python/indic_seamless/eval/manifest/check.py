"""What must hold for the clips of any manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..clip import Clip
from ..errors import Problems


def check(clips: Sequence[Clip], problems: Problems) -> None:
    """Notes duplicate ids and recordings that are not there; a manifest without clips as well."""
    if not clips:
        problems.add(problems.path, "no clip", "at least one; see --layout, --split and --lang")
    seen: set[str] = set()
    files: set[Path] = set()
    for clip in clips:
        if clip.id in seen:
            problems.add(problems.path, f"the id {clip.id!r} again", "an id of its own for each clip")
        seen.add(clip.id)
        if not isinstance(clip.audio, Path) or clip.audio in files:
            continue
        files.add(clip.audio)
        if not clip.audio.is_file():
            problems.add(clip.audio, "nothing", "a recording")
        elif clip.audio.stat().st_size == 0:
            problems.add(clip.audio, "an empty file", "a recording")
