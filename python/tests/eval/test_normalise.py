"""The normaliser: Vistaar's steps, and every vowel sign stays."""

import re
import string
import unicodedata

import pytest
from indicnlp.normalize.indic_normalize import IndicNormalizerFactory

from indic_seamless.eval.normalise import normalise

TEXTS = {
    "hi": "  हिन्दी, में लिखा हुआ: क़लम और 'ज़मीन' (अलग-अलग) हैं।  सही?  ",
    "bn": "বাংলা ভাষা; এটা কী? হ্যাঁ, আমি জানি।",
    "ta": "தமிழ் மொழி! அது \"மிகவும்\" பழமையானது...",
    "te": "తెలుగు: దేశ భాషలందు తెలుగు లెస్స.",
    "ml": "മലയാളം - അവന്‍ വന്നു, അവള്‍ പോയി.",
    "kn": "ಕನ್ನಡ/ಕರ್ನಾಟಕ: ಇಲ್ಲಿ ಬನ್ನಿ!",
    "gu": "ગુજરાતી ભાષા, સરસ છે.",
    "pa": "ਪੰਜਾਬੀ: ਤੁਸੀਂ ਕਿਵੇਂ ਹੋ?",
    "or": "ଓଡ଼ିଆ ଭାଷା, ଭଲ।",
    "mr": "मराठी॥ ऱ्हस्व आणि दीर्घ",
    "ur": "اردو، زبان ہے۔ 'ٹھیک' ہے",
}  # fmt: skip
CODES = {
    "hi": "hin", "bn": "ben", "ta": "tam", "te": "tel", "ml": "mal", "kn": "kan", "gu": "guj", "pa": "pan", "or": "ory",
    "mr": "mar", "ur": "urd",
}  # fmt: skip


def as_in_vistaar(sentence, language):
    """The steps of its evaluation.py."""
    bare = sentence.translate(str.maketrans("", "", string.punctuation + "।۔'-॥"))
    if language != "ur":
        bare = IndicNormalizerFactory().get_normalizer(language).normalize(bare)
    return re.sub(" +", " ", bare).strip()


@pytest.mark.parametrize("language", TEXTS)
def test_where_punctuation_is_that_of_ascii_texts_are_as_in_vistaar(language):
    text = TEXTS[language].replace("،", "")
    assert normalise(text, CODES[language]) == as_in_vistaar(text, language)


@pytest.mark.parametrize("language", TEXTS)
def test_vowel_signs_and_viramas_stay(language):
    def marks(text):
        return [sign for sign in unicodedata.normalize("NFD", text) if unicodedata.category(sign) in ("Mc", "Mn")]

    spelt = as_in_vistaar(TEXTS[language], language)
    assert marks(normalise(TEXTS[language], CODES[language])) == marks(spelt)
    if language != "ur":
        assert marks(spelt)


def test_two_spellings_of_one_word_become_one():
    # A letter with its nukta in one character and in two, chillu letters of two ages.
    assert normalise("क़लम", "hin") == normalise("क़लम", "hin")
    assert normalise("അവന്‍", "mal") == normalise("അവൻ", "mal")


def test_quotes_dashes_and_dandas_of_unicode_go():
    assert normalise("“नमस्ते” — उसने कहा… ‘हाँ’।", "hin") == "नमस्ते उसने कहा हाँ"
    assert normalise("बारह—तेरह", "hin") == "बारह तेरह"
    assert normalise("آپ کیسے ہیں؟", "urd") == "آپ کیسے ہیں"


def test_capitals_do_not_count():
    assert normalise("Hello, World! It's 5 o'clock.", "eng") == "hello world its 5 oclock"


def test_punctuation_alone_is_nothing():
    assert normalise(" ।, … ", "hin") == ""
