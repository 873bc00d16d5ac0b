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

    for value in (float("inf"), float("nan")):
        with pytest.raises(indic_seamless.OptionError) as error:
            demo.transcribe(hindi, timeout=value)
        assert (error.value.option, error.value.found) == ("timeout", str(value))

    with pytest.raises(indic_seamless.OptionError, match='beams: invalid type: string "3"'):
        demo.transcribe(hindi, words=True, beams="3")

    for local in ("demo", tmp_path):
        with pytest.raises(indic_seamless.OptionError) as error:
            Transcriber.from_pretrained(local, revision="v2")
        assert (error.value.option, error.value.found) == ("revision", "v2")


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_arrays_in_any_layout_are_read_right(demo, kind):
    """The place of the NaN tells which numbers were read."""
    floats = numpy.zeros((6000, 2), kind)
    floats[5000, 0] = numpy.nan
    records = numpy.zeros(6000, numpy.dtype([("flag", "u1"), ("sample", kind, 2)]))
    records["sample"] = floats
    shifted = numpy.frombuffer(b"x" + floats.tobytes(), kind, offset=1).reshape(6000, 2)
    backwards = numpy.ascontiguousarray(floats[::-1])[::-1]
    for array in (floats, records["sample"], records["sample"][:, :1], shifted, backwards, numpy.asfortranarray(floats)):
        for part in (array, array[:, 0]):
            with pytest.raises(indic_seamless.InvalidSampleError) as error:
                demo.transcribe(part, rate=16_000)
            assert error.value.index == 5000


@pytest.mark.parametrize(
    ("audio", "options", "wanted"),
    [
        (numpy.zeros(16_000, numpy.float32), {}, "rate"),
        (numpy.zeros((2, 2, 2), numpy.float32), {"rate": 16_000}, "shape"),
        (numpy.zeros(16_000, numpy.complex64), {"rate": 16_000}, "complex64"),
        (numpy.zeros((16_000, 0), numpy.float32), {"rate": 16_000}, "shape"),
        (3, {}, "int"),
        ([0.0] * 16_000, {"rate": 16_000}, "of type list, wanted .* a numpy array"),
        (b"RIFF", {"rate": 16_000}, "rate"),
        ("x.wav", {"beam": 3}, "beam"),
    ],
)
def test_wrong_arguments_are_named(demo, audio, options, wanted):
    with pytest.raises((TypeError, ValueError), match=wanted):
        demo.transcribe(audio, **options)
