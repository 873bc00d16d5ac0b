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
