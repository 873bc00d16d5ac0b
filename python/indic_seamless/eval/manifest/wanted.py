"""What of a data set is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..clip import Clip


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a data set that is evaluated."""

    split: str | None = None
    """``test``, ``valid`` and so on; the layout's usual one if it is ``None``."""
    sources: frozenset[str] = frozenset()
    """The spoken languages; all if there are none."""
    targets: frozenset[str] = frozenset()
    """The languages of the references; the spoken one if there are none."""
    limit: int | None = None
    """How many clips of each direction, from the first."""

    def speaks(self, source: str) -> bool:
        """Whether clips in this language are wanted."""
        return not self.sources or source in self.sources

    def of(self, clips: Iterable[Clip]) -> Iterator[Clip]:
        """The wanted ones of clips."""
        taken: Counter[tuple[str, str]] = Counter()
        for clip in clips:
            if self.speaks(clip.source) and (self.limit is None or taken[clip.direction] < self.limit):
                taken[clip.direction] += 1
                yield clip
