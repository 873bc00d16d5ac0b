"""A loss of one word in a hundred is found on the demo model's held-out clips, and none where there is none."""

import json
import random
from pathlib import Path

import pytest

from indic_seamless.eval import Clip, Hypothesis, Resampling, score
from indic_seamless.eval.bootstrap import estimate, resampled
from indic_seamless.eval.metrics import metric

# The clips that `tools/demo-model` makes and what the demo model writes, in f32: one clip a line.
HELD_OUT = Path(__file__).parent / "data" / "held_out.jsonl"


@pytest.fixture(scope="module")
def held_out():
    return [json.loads(line) for line in HELD_OUT.read_text("utf-8").splitlines()]


def all_transcriptions(held_out, systems):
    clips = [Clip(one["id"], Path("clip.wav"), one["text"], one["lang"], one["lang"]) for one in held_out]
    found = {
        name: {one["id"]: Hypothesis(one["id"], text) for one, text in zip(held_out, texts, strict=True)}
        for name, texts in systems.items()
    }
    return next(group for group in score(clips, found, Resampling()) if group.name == "all transcriptions")


def planted(texts, share, seed):
    """The texts with a share of their words replaced by one that is wrong."""
    words = [(clip, at) for clip, text in enumerate(texts) for at in range(len(text.split()))]
    wrong = random.Random(seed).sample(words, round(share * len(words)))
    split = [text.split() for text in texts]
    for clip, at in wrong:
        split[clip][at] = "ग़लत"
    return [" ".join(words) for words in split]


@pytest.mark.parametrize("seed", range(3))
def test_a_loss_of_one_percent_is_found(held_out, seed):
    right = [one["f32"] for one in held_out]
    group = all_transcriptions(held_out, {"f32": right, "planted": planted(right, 0.01, seed)})
    for form in ("normalised", "raw"):
        lost = group.systems["planted"].differences[form]
        assert 0 < lost["wer"].low <= lost["wer"].value <= lost["wer"].high
        assert lost["wer"].value == pytest.approx(0.01, abs=0.001)
        assert 0 < lost["cer"].low
        assert lost["chrf++"].high < 0


def test_where_none_is_planted_none_is_found(held_out):
    right = [one["f32"] for one in held_out]
    group = all_transcriptions(held_out, {"f32": right, "copy": list(right)})
    for found in group.systems["copy"].differences["normalised"].values():
        assert (found.value, found.low, found.high) == (0, 0, 0)


def test_as_many_wrong_words_elsewhere_are_no_loss(held_out):
    measure, how = metric("wer", "hin"), Resampling()
    right, references = [one["f32"] for one in held_out], [one["text"] for one in held_out]

    def draws(seed):
        return resampled(measure.counts(references, planted(right, 0.01, seed)), measure, how)

    first = draws(100)
    found = [estimate(0, draws(seed) - first) for seed in range(20)]
    # By definition one interval of twenty may miss.
    assert sum(not one.holds_zero for one in found) <= 3
    loss = estimate(0, draws(100) - resampled(measure.counts(references, right), measure, how))
    assert not loss.holds_zero
