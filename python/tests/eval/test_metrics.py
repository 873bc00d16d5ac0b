"""The figures are those of jiwer and sacrebleu, to the last digit."""

import jiwer
import numpy
import pytest
import sacrebleu

from indic_seamless.eval.metrics import NAMES, metric
from indic_seamless.eval.normalise import normalise

# A reference and what a system might make of it: wrong vowel signs, words joined and missing, punctuation, nothing.
SENTENCES = {
    "hin": [
        ("भारत की राजधानी नई दिल्ली है, जहाँ संसद भवन स्थित है।", "भारत कि राजधानी नयी दिल्ली है जहां संसद भवन स्थित है"),
        ("क्या आप मुझे स्टेशन का रास्ता बता सकते हैं?", "क्या आप मुझे स्टेशन का रस्ता बता सकते हैं?"),
        ("उन्होंने कहा, “हम कल मिलेंगे।”", ""),
    ],
    "tam": [
        ("சென்னையில் இன்று கனமழை பெய்யும் என்று வானிலை ஆய்வு மையம் தெரிவித்துள்ளது.",
         "சென்னையில் இன்று கன மழை பெய்யும் என்று வானிலை ஆய்வு மையம் தெரிவித்து உள்ளது"),
        ("தண்ணீர் குடிக்க வேண்டும்", "தண்ணீர் குடிக்க வேண்டும்"),
    ],
    "ben": [
        ("রবীন্দ্রনাথ ঠাকুর ১৯১৩ সালে নোবেল পুরস্কার পান।", "রবীন্দ্রনাথ ঠাকুর উনিশশো তেরো সালে নোবেল পুরষ্কার পান।"),
        ("আজ আকাশ মেঘলা, বৃষ্টি হতে পারে।", "আজ আকাশ মেঘলা বৃষ্টি হতে পারে বৃষ্টি হতে পারে"),
    ],
    "mal": [
        ("കേരളത്തിലെ പ്രധാന നദികളിൽ ഒന്നാണ് പെരിയാർ.", "കേരളത്തിലെ പ്രധാന നദികളില്‍ ഒന്നാണ് പെരിയാര്‍"),
        ("അവൾ പുസ്തകം വായിക്കുന്നു", "അവള് പുസ്തകം വായിക്കുന്നു"),
    ],
    "urd": [
        ("پاکستان کا دارالحکومت اسلام آباد ہے۔", "پاکستان کا دار الحکومت اسلام آباد ہے"),
        ("آپ کیسے ہیں؟", "آپ کیسی ہیں؟"),
    ],
    "eng": [
        ("The train to Mysuru leaves at 7:45 p.m., doesn't it?", "the train to Mysore leaves at seven forty five pm doesn't it"),
        ("Namaste!", "Namaste"),
    ],
}  # fmt: skip


def theirs(name, references, hypotheses):
    """What the packages say when they are called as their documentation shows."""
    if name == "wer":
        return jiwer.wer(references, hypotheses)
    if name == "cer":
        return jiwer.cer(references, hypotheses)
    if name == "chrf++":
        return sacrebleu.corpus_chrf(hypotheses, [references], word_order=2).score
    return sacrebleu.corpus_bleu(hypotheses, [references]).score


def ours(name, language, references, hypotheses):
    measure = metric(name, language)
    return measure.values(measure.counts(references, hypotheses).sum(axis=0, keepdims=True))[0]


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("name", NAMES)
def test_figures_are_those_of_the_packages(name, language):
    references, hypotheses = map(list, zip(*SENTENCES[language], strict=True))
    assert ours(name, language, references, hypotheses) == theirs(name, references, hypotheses)
    references, hypotheses = ([normalise(text, language) for text in texts] for texts in (references, hypotheses))
    assert ours(name, language, references, hypotheses) == theirs(name, references, hypotheses)


@pytest.mark.parametrize("name", NAMES)
def test_any_sum_of_counts_is_measured_as_those_clips_are(name):
    pairs = SENTENCES["hin"] + SENTENCES["tam"]
    references, hypotheses = map(list, zip(*pairs, strict=True))
    measure = metric(name, "hin")
    counts = measure.counts(references, hypotheses)
    assert counts.dtype == numpy.int64
    drawn = [4, 0, 0, 3, 1, 1, 1]
    wanted = theirs(name, [references[one] for one in drawn], [hypotheses[one] for one in drawn])
    assert measure.values(counts[drawn].sum(axis=0, keepdims=True))[0] == wanted


def test_bleu_of_languages_without_blanks_is_that_of_characters():
    references, hypotheses = ["私は本を読みます。今日は天気がいい。"], ["私は本を読む。今日は天気がいいです。"]
    wanted = sacrebleu.corpus_bleu(hypotheses, [references], tokenize="char").score
    assert ours("bleu", "jpn", references, hypotheses) == wanted
    assert ours("bleu", "hin", references, hypotheses) != wanted


def test_signatures_name_versions_and_settings():
    measure = metric("bleu", "hin")
    measure.counts(["a"], ["a"])
    assert "tok:13a" in measure.signature and sacrebleu.__version__ in measure.signature
    assert metric("wer", "hin").signature.startswith("jiwer ")
