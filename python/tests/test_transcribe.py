"""Transcription, from every kind of recording."""

import os
import subprocess
import sys
import threading
import time

import numpy
import pytest

import indic_seamless
from indic_seamless import Segment, StoppedError, Transcript

HINDI = "कृपया आज का मौसम"


def test_files_bytes_and_arrays_give_the_same_text(demo, hindi, samples):
    floats = samples.astype(numpy.float32) / 32768
    stereo = numpy.stack([floats, floats], axis=1)
    recordings = [
        (hindi, None),
        (str(hindi), None),
        (hindi.read_bytes(), None),
        (samples, 16_000),
        (floats, 16_000),
        (floats.astype(numpy.float64), 16_000),
        (stereo, 16_000),
        (numpy.repeat(floats, 2)[::2], 16_000),
        (numpy.asfortranarray(stereo), 16_000),
    ]
    for audio, rate in recordings:
        transcript = demo.transcribe(audio, rate=rate, language="Hindi")
        assert transcript.text == HINDI
        assert transcript.language == "hin"


def test_a_transcript_tells_everything(demo, hindi):
    transcript = demo.transcribe(hindi, language="hin", words=True, beams=3, num_return_sequences=2)
    (segment,) = transcript.segments
    assert [word.text for word in segment.words] == HINDI.split()
    assert all(0 < word.confidence <= 1 and word.start <= word.end for word in segment.words)
    assert len(segment.alternatives) == 1
    assert transcript.timings.new_tokens == len(segment.logprobs)
    assert Transcript.from_dict(transcript.to_dict()) == transcript


def test_every_clip_in_every_language(demo, hindi, texts):
    for clip, languages in texts.items():
        for language, wanted in languages.items():
            if language != "spoken":
                assert demo.transcribe(hindi.parent / clip, language=language).text == wanted


def test_a_text_keeps_to_the_script_that_is_asked_for(demo, hindi):
    text = demo.transcribe(hindi, language="hin", script="latin").text
    letters = [letter for letter in text if letter.isalpha()]
    assert letters and all(letter < "\u0250" for letter in letters), text


@pytest.mark.parametrize(("retry", "wanted"), [("always", True), ("never", False)])
def test_a_text_that_runs_away_is_searched_again_if_that_is_asked_for(demo, hindi, retry, wanted):
    # More tokens than anybody says in the time of the clip.
    (segment,) = demo.transcribe(hindi, language="hin", retry=retry, min_new_tokens=199).segments
    assert "run_away" in segment.flags
    assert ("retried" in segment.flags) == wanted


def test_segments_come_one_by_one(demo, samples):
    pause = numpy.zeros(24_000, dtype=numpy.int16)
    long = numpy.concatenate([samples, pause] * 3)
    heard: list[Segment] = []
    transcript = demo.transcribe(long, rate=16_000, language="hin", segmentation="always", on_segment=heard.append)
    assert heard == transcript.segments
    assert [segment.text for segment in heard] == [HINDI] * 3
    first = next(demo.segments(long, rate=16_000, language="hin", segmentation="always"))
    assert first.text == HINDI


def test_a_listener_that_fails_ends_the_work(demo, hindi):
    def fail(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        demo.transcribe(hindi, on_segment=fail)


def test_streams(demo, samples):
    stream = demo.stream(language="hin")
    floats = samples.astype(numpy.float32) / 32768
    for _ in range(2):
        segments = [segment for i in range(0, len(floats), 1600) for segment in stream.feed(floats[i : i + 1600])]
        assert [segment.text for segment in segments + stream.finish()] == [HINDI]


@pytest.mark.parametrize("option", [{"start": 30}, {"duration": 1.0}, {"channel": 1}, {"damage": "keep"}])
def test_a_stream_takes_no_options_of_files(demo, option):
    (name,) = option
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'; there are language,"):
        demo.stream(language="hin", **option)


def test_a_stream_says_what_it_takes(demo):
    stream = demo.stream(language="hin")
    with pytest.raises(TypeError, match="list, wanted a numpy array"):
        stream.feed([0.0] * 1600)
    with pytest.raises(ValueError, match="one channel"):
        stream.feed(numpy.zeros((1600, 2), numpy.float32))
    assert stream.feed(numpy.zeros(0, numpy.float32)) == []


def test_many_recordings_keep_their_order(demo, hindi, texts):
    clips = list(texts) * 3
    recordings = [hindi.parent / clip for clip in clips]
    results = list(demo.transcribe_many([*recordings, hindi.parent / "missing.wav"], language="tam", at_a_time=4))
    assert [result.text for result in results[:-1]] == [texts[clip]["tam"] for clip in clips]
    assert isinstance(results[-1], indic_seamless.FileError)


def test_many_recordings_with_options_of_their_own(demo, hindi, samples, texts):
    tamil = texts[hindi.name]["tam"]
    own = [(hindi, {"language": "tam"}), (samples, {"rate": 16_000}), (hindi, {"beam": 2}), (hindi, "tam", 1), hindi]
    results = list(demo.transcribe_many([hindi, *own], language="hin"))
    assert [result.text for result in [*results[:3], results[5]]] == [HINDI, tamil, HINDI, HINDI]
    # An option that does not exist.
    assert isinstance(results[3], TypeError)
    # No pair of a recording and its options.
    assert isinstance(results[4], ValueError)
    assert [result.text for result in demo.transcribe_many([samples] * 2, rate=16_000, language="hin")] == [HINDI] * 2


def test_a_part_of_a_recording(demo, hindi, samples):
    part = {"start": 0.5, "duration": 0.5, "language": "hin"}
    wanted = demo.transcribe(hindi, **part)
    assert 0.5 <= wanted.segments[0].start < wanted.segments[-1].end <= 1.1
    for array in (samples, numpy.stack([samples, samples], axis=1)):
        assert demo.transcribe(array, rate=16_000, **part).segments == wanted.segments
    with pytest.raises(indic_seamless.NoAudioError):
        demo.transcribe(samples, rate=16_000, start=3600)
    with pytest.raises(indic_seamless.OptionError):
        demo.transcribe(samples, rate=16_000, channel=5)


def test_files_of_more_than_an_hour(demo, hindi):
    silence = hindi.parents[2] / "tests" / "clips" / "two_hours_of_silence.flac"
    assert demo.transcribe(silence, start=7_100).text == ""


def test_threads_work_at_the_same_time(demo, hindi):
    alone = time.perf_counter()
    demo.transcribe(hindi, language="hin")
    alone = time.perf_counter() - alone
    counted = 0
    done = threading.Event()

    def count():
        nonlocal counted
        while not done.is_set():
            counted += 1
            time.sleep(0)

    counter = threading.Thread(target=count)
    counter.start()
    results = []
    threads = [threading.Thread(target=lambda: results.append(demo.transcribe(hindi, language="hin").text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    counter.join()
    assert results == [HINDI] * 4
    # Python went on while the model worked.
    assert counted > 100


def test_time_is_limited(demo, samples):
    long = numpy.tile(samples, 200)
    with pytest.raises(StoppedError) as error:
        demo.transcribe(long, rate=16_000, timeout=0.3)
    assert "deadline" in error.value.reason
    assert error.value.partial is not None


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("work", ["demo.transcribe(speech, **how)", "list(demo.transcribe_many([speech] * 40, at_a_time=4, **how))"])
def test_ctrl_c_stops_the_work(hindi, work):
    program = f"""
import numpy, os, signal, sys, threading, time, wave
from indic_seamless import Transcriber
demo = Transcriber.demo()
with wave.open({str(hindi)!r}) as file:
    speech = numpy.tile(numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16), 1_000)
how = dict(rate=16_000, segmentation="always", beams=10)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.perf_counter()
try:
    {work}
    while True:
        time.sleep(1)
except KeyboardInterrupt:
    # Threads under way would keep Python from ending.
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    print("stopped", time.perf_counter() - start < 10)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert answer.stdout.split() == ["stopped", "True"], answer


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_in_a_stream_leaves_no_answer_to_the_next_call(hindi):
    program = f"""
import numpy, os, signal, threading, wave
from indic_seamless import Error, Transcriber
stream = Transcriber.demo().stream(language="hin", beams=10)
with wave.open({str(hindi)!r}) as file:
    speech = numpy.tile(numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16), 1_000)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    stream.feed(speech)
except KeyboardInterrupt:
    print("interrupted")
try:
    stream.feed(numpy.array([numpy.nan], numpy.float32))
except Error as error:
    print(type(error).__name__)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert answer.stdout.split() == ["interrupted", "InvalidSampleError"], answer


def test_many_recordings_end_with_their_iterator(demo, samples):
    long = numpy.tile(samples, 1_000)
    before = threading.enumerate()
    results = demo.transcribe_many([samples, long, long, long], rate=16_000, at_a_time=2, language="hin")
    assert next(results).text == HINDI
    results.close()
    pool = [thread for thread in threading.enumerate() if thread not in before]
    assert pool
    for thread in pool:
        thread.join(10)
        assert not thread.is_alive()


def test_memory_stays_level(demo, samples):
    resource = pytest.importorskip("resource")
    short = samples[:8000]

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for _ in range(200):
        demo.transcribe(short, rate=16_000, segmentation="none", max_new_tokens=1)
    before = peak()
    for _ in range(int(os.environ.get("CALLS", "1000"))):
        demo.transcribe(short, rate=16_000, segmentation="none", max_new_tokens=1)
    assert peak() - before < 20_000, "kilobytes"


def test_languages(demo):
    assert "hin" in demo.languages
    assert indic_seamless.language_code("hi-IN") == "hin"
    assert ("hin", "Hindi", "hi", "devanagari") in indic_seamless.languages()
