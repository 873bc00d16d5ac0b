"""The demo model and its clips."""

import json
import wave
from pathlib import Path

import numpy
import pytest

from indic_seamless import Transcriber

AUDIO = Path(__file__).parents[2] / "examples" / "audio"


@pytest.fixture(scope="session")
def demo():
    return Transcriber.demo(threads=2)


@pytest.fixture(scope="session")
def hindi():
    return AUDIO / "hindi-1.wav"


@pytest.fixture(scope="session")
def samples(hindi):
    """The clip as an array of int16."""
    with wave.open(str(hindi)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)


@pytest.fixture(scope="session")
def texts():
    """What is said in each clip, by language."""
    return json.loads((AUDIO / "texts.json").read_text())
