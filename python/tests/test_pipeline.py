"""The calls of a pipeline of transformers."""

import pytest

import indic_seamless

HINDI = "कृपया आज का मौसम"


@pytest.fixture(scope="module")
def pipe():
    return indic_seamless.pipeline("automatic-speech-recognition", model="demo")


def test_every_input(pipe, hindi, samples):
    floats = samples.astype("float32") / 32768
    for audio in [str(hindi), hindi.read_bytes(), floats, {"raw": floats, "sampling_rate": 16_000}, {"array": floats}]:
        assert pipe(audio, generate_kwargs={"tgt_lang": "hin", "num_beams": 2}) == {"text": HINDI}
    assert pipe([str(hindi)] * 2, generate_kwargs={"tgt_lang": "hin"}) == [{"text": HINDI}] * 2


def test_time_stamps(pipe, hindi):
    answer = pipe(str(hindi), return_timestamps="word", generate_kwargs={"tgt_lang": "hin"})
    assert [chunk["text"] for chunk in answer["chunks"]] == HINDI.split()
    answer = pipe(str(hindi), return_timestamps=True, generate_kwargs={"tgt_lang": "hin"})
    assert [chunk["text"] for chunk in answer["chunks"]] == [HINDI]
    assert answer["chunks"][0]["timestamp"][0] < answer["chunks"][0]["timestamp"][1]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"generate_kwargs": {"tgt_lang": "hin", "language": "tam"}}, "'language' is given twice"),
        ({"generate_kwargs": {"num_beams": 2}, "beams": 3}, "'beams' is given twice"),
        ({"words": True}, "return_timestamps"),
        ({"return_timestamps": "char"}, "'char'"),
    ],
)
def test_no_option_is_ignored(pipe, hindi, options, wanted):
    with pytest.raises((TypeError, ValueError), match=wanted):
        pipe(str(hindi), **options)


def test_the_language_by_its_own_name(pipe, hindi):
    assert pipe(str(hindi), generate_kwargs={"language": "hin"}) == {"text": HINDI}
    assert pipe(str(hindi), return_timestamps=None, language="hin") == {"text": HINDI}
