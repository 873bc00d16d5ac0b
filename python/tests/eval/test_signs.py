"""Counts of texts that went wrong."""

import pytest

from indic_seamless.eval.clip import Hypothesis
from indic_seamless.eval.signs import Signs, is_loop, is_wrong_script, loops, signs


@pytest.mark.parametrize("period", range(1, 17))
def test_loops_have_the_limits_of_the_flag(period):
    times = 8 if period <= 2 else 5
    units = list(range(period)) * times
    assert is_loop(units) and is_loop([-1, -2, *units, -3])
    assert not is_loop(units[1:])


def test_loops_are_those_of_tokens_where_they_are_known():
    assert loops(Hypothesis("a", "हाँ " * 8))
    assert not loops(Hypothesis("a", "हाँ " * 8, tokens=[[3, 7, 1, 2, 3]]))
    assert loops(Hypothesis("a", "", tokens=[[1], [9] * 8]))


def test_scripts():
    assert not is_wrong_script("मेरा नाम Ravi है 24.", "hin")
    assert is_wrong_script("mera naam Ravi hai", "hin")
    assert is_wrong_script("میرا نام", "hin") and not is_wrong_script("میرا نام", "urd")
    assert not is_wrong_script("ᱥᱟᱱᱛᱟᱲᱤ", "sat") and not is_wrong_script("ଓଡ଼ିଆ", "ory") and not is_wrong_script("日本語です", "jpn")
    assert not is_wrong_script("", "hin") and not is_wrong_script("24 . 5", "hin")


def test_counts():
    found = [
        Hypothesis("1", "नमस्ते"),
        Hypothesis("2", " "),
        Hypothesis("3", "", error="damaged"),
        Hypothesis("4", "hello"),
        Hypothesis("5", "कुछ"),
        Hypothesis("6", ""),
        Hypothesis("7", "ठीक " * 9),
    ]
    references = ["नमस्ते", "नमस्ते", "नमस्ते", "नमस्ते", "", "", "ठीक"]
    assert signs(references, found, "hin") == Signs(empty=1, loops=1, wrong_script=1, failed=1, invented=1)
