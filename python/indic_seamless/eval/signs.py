"""Signs that a text went wrong, counted alike for all systems."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from . import languages
from .clip import Hypothesis

_LETTERS = {
    "han": ("CJK", "BOPOMOFO"),
    "japanese": ("CJK", "HIRAGANA", "KATAKANA"),
    "korean": ("HANGUL", "CJK"),
    "ol-chiki": ("OL CHIKI",),
}
"""What the names of a script's letters in Unicode begin with, where it is not the name of the script."""

_LONGEST = 16
"""The longest period of a loop."""


def is_loop(units: Sequence[object]) -> bool:
    """Whether something follows itself too often: eight times for one or two units, five times for up to sixteen.

    These are the limits of the flag ``loop`` of a segment.
    """
    for period in range(1, _LONGEST + 1):
        wanted = period * ((8 if period <= 2 else 5) - 1)
        equal = 0
        for before, now in zip(units, units[period:], strict=False):
            equal = equal + 1 if before == now else 0
            if equal >= wanted:
                return True
    return False


def loops(hypothesis: Hypothesis) -> bool:
    """Whether a text repeats itself: its tokens where they are known, otherwise its words."""
    if hypothesis.tokens is None:
        return is_loop(hypothesis.text.split())
    return any(is_loop(tokens) for tokens in hypothesis.tokens)


def is_wrong_script(text: str, language: str) -> bool:
    """Whether most letters of a text are of another script than the language's."""
    script = languages.scripts()[language]
    begins = _LETTERS.get(script, (script.upper(),))
    letters = [unicodedata.name(sign, "") for sign in text if unicodedata.category(sign).startswith("L")]
    right = sum(name.startswith(begins) for name in letters)
    return 2 * right < len(letters)


@dataclass(frozen=True, slots=True)
class Signs:
    """How many clips show them."""

    empty: int
    """No text, though there is speech."""
    loops: int
    """The text repeats itself."""
    wrong_script: int
    """Most letters are of another script."""
    failed: int
    """The system gave an error. The text counts as empty in all measures."""
    invented: int
    """Text, though the reference is empty."""


def signs(references: Sequence[str], hypotheses: Sequence[Hypothesis], target: str) -> Signs:
    """Counts the signs of hypotheses in a language."""
    pairs = list(zip(references, hypotheses, strict=True))
    return Signs(
        empty=sum(bool(reference) and not one.text.strip() and one.error is None for reference, one in pairs),
        loops=sum(loops(one) for one in hypotheses),
        wrong_script=sum(is_wrong_script(one.text, target) for one in hypotheses),
        failed=sum(one.error is not None for one in hypotheses),
        invented=sum(not reference and bool(one.text.strip()) for reference, one in pairs),
    )
