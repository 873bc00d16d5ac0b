"""What goes wrong is an exception of its own class, with its fields."""

import os

import numpy
import pytest

import indic_seamless
from indic_seamless import Transcriber


def test_each_error_has_its_class_and_fields(demo, hindi, tmp_path):
    text = tmp_path / "note.wav"
    text.write_text("this is no recording")
    with pytest.raises(indic_seamless.AudioError) as error:
        demo.transcribe(text)
    assert str(text) in str(error.value)

    with pytest.raises(indic_seamless.FileError) as error:
        demo.transcribe(tmp_path / "missing.wav")
    assert isinstance(error.value, OSError)
    assert error.value.path.endswith("missing.wav")

    with pytest.raises(indic_seamless.LanguageError) as error:
        demo.transcribe(hindi, language="hindhi")
    assert (error.value.found, "hin" in error.value.similar) == ("hindhi", True)

    with pytest.raises(indic_seamless.OptionError) as error:
        demo.transcribe(hindi, beams=0)
    assert (error.value.option, error.value.found) == ("num_beams", "0")
    assert isinstance(error.value, ValueError)

    # As Python has names that are not UTF-8.
    with pytest.raises(indic_seamless.FileError):
        demo.transcribe(os.fsdecode(b"\xff.wav"))

    with pytest.raises(indic_seamless.AudioTooShortError):
        demo.transcribe(numpy.zeros(10, numpy.float32), rate=16_000)

    with pytest.raises(indic_seamless.InvalidSampleError) as error:
        demo.transcribe(numpy.array([0.0] * 5000 + [numpy.nan], numpy.float32), rate=16_000)
    assert error.value.index == 5000

    with pytest.raises(indic_seamless.CheckpointError):
        Transcriber.from_pretrained(tmp_path)

    with pytest.raises(indic_seamless.OptionError):
        demo.transcribe(hindi, timeout=-1.0)


@pytest.mark.parametrize(
    ("audio", "options", "wanted"),
    [
        (numpy.zeros(16_000, numpy.float32), {}, "rate"),
        (numpy.zeros((2, 2, 2), numpy.float32), {"rate": 16_000}, "shape"),
        (numpy.zeros(16_000, numpy.complex64), {"rate": 16_000}, "complex64"),
        (numpy.zeros((16_000, 0), numpy.float32), {"rate": 16_000}, "shape"),
        (3, {}, "int"),
        (b"RIFF", {"rate": 16_000}, "rate"),
        ("x.wav", {"beam": 3}, "beam"),
    ],
)
def test_wrong_arguments_are_named(demo, audio, options, wanted):
    with pytest.raises((TypeError, ValueError), match=wanted):
        demo.transcribe(audio, **options)
