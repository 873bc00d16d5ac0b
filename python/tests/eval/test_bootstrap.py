"""Intervals of the paired bootstrap."""

import numpy
import pytest

from indic_seamless.eval.bootstrap import Resampling, estimate, resampled
from indic_seamless.eval.metrics import metric


def rates(clips, rate, seed):
    """Counts of errors and words of made-up clips."""
    random = numpy.random.default_rng(seed)
    words = random.integers(3, 12, clips)
    return numpy.stack([random.binomial(words, rate), words], axis=1)


def test_draws_are_those_of_clips_with_replacement():
    counts, measure = rates(50, 0.2, 3), metric("wer", "hin")
    draws = resampled(counts, measure, Resampling(200, seed=9))
    random = numpy.random.default_rng(9)
    for draw in draws:
        chosen = counts[random.integers(0, 50, 50)]
        assert draw == chosen[:, 0].sum() / chosen[:, 1].sum()


def test_draws_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch):
    counts, measure = rates(40, 0.2, 3), metric("wer", "hin")
    whole = resampled(counts, measure, Resampling(150))
    monkeypatch.setattr("indic_seamless.eval.bootstrap._AT_A_TIME", 100)
    assert (resampled(counts, measure, Resampling(150)) == whole).all()


def test_the_seed_decides():
    counts, measure = rates(40, 0.2, 3), metric("wer", "hin")
    first, second, other = (resampled(counts, measure, Resampling(100, seed)) for seed in (1, 1, 2))
    assert (first == second).all() and (first != other).any()


def test_intervals_hold_the_middle_95_percent():
    draws = numpy.arange(1001) / 1000
    found = estimate(0.4, draws)
    assert (found.value, found.low, found.high) == pytest.approx((0.4, 0.025, 0.975))


def test_19_of_20_intervals_hold_the_true_rate():
    measure = metric("wer", "hin")
    holds = 0
    for seed in range(200):
        counts = rates(300, 0.1, seed)
        found = estimate(0.1, resampled(counts, measure, Resampling(400)))
        holds += found.low <= 0.1 <= found.high
    assert 180 <= holds <= 199
