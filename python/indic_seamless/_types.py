"""What a transcription gives."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """A word, with its punctuation."""

    text: str
    start: float
    """Where it begins, in seconds from the start of the recording."""
    end: float
    confidence: float
    """The mean probability of its tokens, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A hypothesis that ranks below the best."""

    text: str
    tokens: list[int]
    score: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a recording with its text."""

    start: float
    """Where it begins, in seconds from the start of the recording."""
    end: float
    text: str
    tokens: list[int]
    """The decoder's whole sequence, as transformers returns it."""
    score: float
    """Of beams: ``sequences_scores`` of transformers. Of greedy search: the mean log-probability of the new tokens."""
    avg_logprob: float
    logprobs: list[float] = field(default_factory=list)
    end_reason: str = "unknown"
    flags: list[str] = field(default_factory=list)
    """Signs that the text may be wrong: ``loop``, ``run_away``, ``truncated``, ``retried``."""
    words: list[Word] = field(default_factory=list)
    alternatives: list[Alternative] = field(default_factory=list)
    speaker: int | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Segment:
        """From the ``segments`` of a JSON transcript."""
        nested = {
            "words": [Word(**word) for word in data.get("words", [])],
            "alternatives": [Alternative(**other) for other in data.get("alternatives", [])],
        }
        return cls(**_known(cls, data) | nested)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in milliseconds."""

    load_ms: float = 0.0
    audio_ms: float = 0.0
    segmentation_ms: float = 0.0
    features_ms: float = 0.0
    encoder_ms: float = 0.0
    generation_ms: float = 0.0
    total_ms: float = 0.0
    new_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of a recording."""

    text: str
    language: str
    """The code of the text's language."""
    duration_s: float
    """Length of the recording in seconds."""
    segments: list[Segment]
    timings: Timings
    damage: list[dict[str, Any]] = field(default_factory=list)
    """Where the recording is damaged; usually nowhere. The text is that of everything else."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Transcript:
        """From a JSON transcript."""
        nested = {
            "segments": [Segment.from_dict(segment) for segment in data["segments"]],
            "timings": Timings(**_known(Timings, data["timings"])),
        }
        return cls(**_known(cls, data) | nested)

    def to_dict(self) -> dict[str, Any]:
        """As nested dictionaries, ready for JSON."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def _known(cls: type, data: dict[str, Any]) -> dict[str, Any]:
    names = {one.name for one in dataclasses.fields(cls)}
    return {name: value for name, value in data.items() if name in names}
