"""Texts as they are compared: without punctuation, in one spelling, with all vowel signs.

The steps are those of `Vistaar <https://github.com/AI4Bharat/vistaar>`_: punctuation and dandas off, Indic normalisation but for
Urdu, single blanks. There, punctuation is that of ASCII; here it is all of Unicode's, and capitals become small letters, so that
English can be compared as well. Signs that belong to words stay: Whisper's normaliser replaces vowel signs by blanks.
"""

from __future__ import annotations

import functools
import string
import sys
import unicodedata
from collections.abc import Callable

from . import languages
from .packages import need

_NAMES = {
    "bengali": "bn",
    "devanagari": "hi",
    "gujarati": "gu",
    "gurmukhi": "pa",
    "kannada": "kn",
    "malayalam": "ml",
    "oriya": "or",
    "tamil": "ta",
    "telugu": "te",
}
"""The language by which indic-nlp-library knows a script. Texts in other scripts, Urdu's among them, are left as they are."""


@functools.cache
def _punctuation() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys(map(ord, string.punctuation))
    for point in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        if category == "Pd" and chr(point) != "-":
            # Unlike a hyphen, a dash stands between words.
            table[point] = " "
        elif category.startswith("P"):
            table[point] = None
    return table


@functools.cache
def _indic(script: str) -> Callable[[str], str]:
    name = _NAMES.get(script)
    if name is None:
        return str
    factory = need("indicnlp.normalize.indic_normalize").IndicNormalizerFactory()
    normalize: Callable[[str], str] = factory.get_normalizer(name).normalize
    return normalize


def normalise(text: str, language: str) -> str:
    """The text without what two writers of the same words may write differently; ``language`` is a code."""
    bare = text.translate(_punctuation())
    # The Indic normaliser turns some letters that look like punctuation into punctuation.
    spelt = _indic(languages.scripts()[language])(bare).translate(_punctuation())
    return " ".join(spelt.lower().split())
