"""Intervals by the paired bootstrap: clips are drawn again and again, the same ones for all systems.

An interval holds the middle 95 % of what the draws give. For a difference it says whether two systems can be told apart on these
clips: they can where it does not hold 0. Clips are taken as independent of each other; those of one speaker, or of one sentence
that several speakers read, are less so than that, and the true interval is then wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .metrics import Counts, Metric, Values

CONFIDENCE = 95
"""Percent of the draws within an interval."""

_AT_A_TIME = 2_000_000
"""Numbers drawn at a time, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure, or a difference of two, with its interval."""

    value: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the interval holds 0: a difference that may be chance."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Resampling:
    """How the clips are drawn."""

    samples: int = 1000
    """How often."""
    seed: int = 1


def resampled(counts: Counts, metric: Metric, how: Resampling) -> Values:
    """The measure of each draw. The draws depend on the number of clips and the seed alone, so that systems are paired."""
    random = np.random.default_rng(how.seed)
    clips = len(counts)
    step = max(1, _AT_A_TIME // clips)
    values: list[Values] = []
    for start in range(0, how.samples, step):
        drawn = random.integers(0, clips, (min(step, how.samples - start), clips))
        # How often each clip was drawn, a row for each draw. Doubles add whole numbers exactly, and faster than integers.
        times = np.stack([np.bincount(row, minlength=clips) for row in drawn]).astype(np.float64)
        values.append(metric.values(np.rint(times @ counts.astype(np.float64)).astype(np.int64)))
    return np.concatenate(values)


def estimate(value: float, draws: Values) -> Estimate:
    """A value with the interval of its draws."""
    outside = (100 - CONFIDENCE) / 2
    low, high = np.percentile(draws, [outside, 100 - outside])
    return Estimate(float(value), float(low), float(high))
