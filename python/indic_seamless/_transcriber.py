"""The front door: :class:`Transcriber` and :class:`Stream`."""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypedDict, Union

from . import _native
from ._errors import _make
from ._types import Segment, Transcript

if TYPE_CHECKING:
    import numpy
    from typing_extensions import Unpack

    Audio = Union[str, os.PathLike[str], bytes, numpy.ndarray[Any, Any]]


class StreamOptions(TypedDict, total=False):
    """How to transcribe live speech: keyword arguments of :meth:`Transcriber.stream`."""

    language: str
    """The language of the text, by code, tag or name; English by default. The spoken one for transcription."""
    beams: int
    """Beams of the search; the checkpoint's by default, 1 is greedy."""
    words: bool
    """Whether segments list their words with times and confidence."""
    script: str
    """The only script of the text, such as ``devanagari``; ``auto`` for that of the language."""
    segmentation: str
    """``auto``, ``always`` or ``none``: whether recordings are cut at pauses."""
    retry: str
    """``auto``, ``always`` or ``never``: whether a search that loops is repeated."""
    priority: str
    """``interactive`` or ``batch``."""
    max_new_tokens: int
    min_new_tokens: int
    no_repeat_ngram_size: int
    repetition_penalty: float
    length_penalty: float
    early_stopping: bool | str
    num_return_sequences: int
    timeout: float
    """Seconds after which :class:`StoppedError` is raised."""


class Options(StreamOptions, total=False):
    """How to transcribe a recording: keyword arguments of :meth:`Transcriber.transcribe` and the others."""

    start: float
    """Where in the recording to begin, in seconds."""
    duration: float
    """How much of it to transcribe, in seconds."""
    channel: int
    """The only channel to transcribe, counted from 0; their mean by default."""
    damage: str
    """``keep`` or ``refuse`` what can be decoded of a damaged recording; by default files are kept, and arrays with NaN refused."""


class RecordingOptions(Options, total=False):
    """What one recording of :meth:`Transcriber.transcribe_many` has of its own."""

    rate: int | None
    """Samples per second of an array."""


def _json(options: StreamOptions, known: type = Options) -> str:
    """The options for the native part; a :class:`TypeError` if there is one that is not among the ``known``."""
    unknown = options.keys() - known.__annotations__.keys()
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}; there are {', '.join(known.__annotations__)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        # JSON has no such numbers.
        if isinstance(value, float) and not math.isfinite(value):
            fields = {"option": name, "found": str(value), "wanted": "a finite number"}
            raise _make("OptionError", f"option {name}: {value} found, wanted a finite number", json.dumps(fields), None)
    return json.dumps(given)


def _finish(work: _native.Work, on_segment: Callable[[Segment], object] | None = None) -> Transcript:
    """Waits for a transcript. ``on_segment`` is told each segment as soon as it is finished; if it raises, the work ends."""
    while True:
        done, data = work.next()
        if done:
            return Transcript.from_dict(json.loads(data))
        if on_segment is not None:
            try:
                on_segment(Segment.from_dict(json.loads(data)))
            except BaseException:
                work.cancel()
                raise


class Transcriber:
    """A loaded model. Any number of threads may use it at a time; their searches share the work."""

    def __init__(self, native: _native.Transcriber) -> None:
        """Use :meth:`demo` or :meth:`from_pretrained`."""
        self._native = native

    @classmethod
    def demo(cls, *, precision: str = "auto", threads: int | None = None) -> Transcriber:
        """The small model that is part of the package. It knows a few Indian sentences."""
        return cls.from_pretrained("demo", precision=precision, threads=threads)

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] = "ai4bharat/indic-seamless",
        *,
        precision: str = "auto",
        threads: int | None = None,
        revision: str | None = None,
        token: str | None = None,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> Transcriber:
        """Loads the folder of a checkpoint, or an id on the Hugging Face hub, which is downloaded once.

        ``precision`` is ``auto`` (as stored), ``f32``, ``bf16``, ``int8`` or ``int4``. ``revision`` is a branch, tag or commit on the
        hub, and ``token`` that of your account there. ``on_progress`` is called with the bytes done and in total.
        """
        return cls(_native.Transcriber.load(os.fspath(model), precision, threads, revision, token, on_progress))

    @property
    def languages(self) -> list[str]:
        """The codes of the languages that the model writes."""
        return self._native.languages()

    @property
    def precision(self) -> str:
        """The type of the weights in memory."""
        return self._native.precision()

    def transcribe(
        self,
        audio: Audio,
        *,
        rate: int | None = None,
        on_segment: Callable[[Segment], object] | None = None,
        **options: Unpack[Options],
    ) -> Transcript:
        """Transcribes a recording of any length: a path, the bytes of a file, or an array of samples with its ``rate``.

        Arrays are ``[samples]`` or ``[samples, channels]``, of floats from -1 to 1 or ``int16``. Ctrl-C stops the work.
        """
        return _finish(self._native.start(audio, rate, _json(options)), on_segment)

    def segments(self, audio: Audio, *, rate: int | None = None, **options: Unpack[Options]) -> Iterator[Segment]:
        """The segments of a recording, each as soon as it is finished. The work ends with the iterator."""
        work = self._native.start(audio, rate, _json(options))

        def each() -> Iterator[Segment]:
            try:
                while True:
                    done, data = work.next()
                    if done:
                        return
                    yield Segment.from_dict(json.loads(data))
            finally:
                work.cancel()

        return each()

    def transcribe_many(
        self,
        recordings: Iterable[Audio | tuple[Audio, RecordingOptions]],
        *,
        rate: int | None = None,
        at_a_time: int = 16,
        **options: Unpack[Options],
    ) -> Iterator[Transcript | Exception]:
        """The transcripts of many recordings, in their order. One that fails gives its exception, and the others go on. The work ends
        with the iterator.

        A recording that differs from the others comes with its own options: ``("talk.wav", {"language": "tam"})``. Recordings that
        are transcribed at the same time share the steps of the decoder, which is faster than one by one.
        """
        _json(options)
        under_way: set[_native.Work] = set()
        stopped = False

        def one(recording: Audio | tuple[Audio, RecordingOptions]) -> Transcript | Exception:
            try:
                audio, own = recording if isinstance(recording, tuple) else (recording, RecordingOptions())
                each: RecordingOptions = {**options, **own}
                own_rate = each.pop("rate", rate)
                work = self._native.start(audio, own_rate, _json(each))
                under_way.add(work)
                try:
                    # Whoever stops it cancels what is under way by then.
                    if stopped:
                        work.cancel()
                    return _finish(work)
                finally:
                    under_way.discard(work)
            except Exception as error:
                return error

        def each() -> Iterator[Transcript | Exception]:
            nonlocal stopped
            waiting: deque[Future[Transcript | Exception]] = deque()
            pool = ThreadPoolExecutor(at_a_time)
            try:
                for audio in recordings:
                    waiting.append(pool.submit(one, audio))
                    if len(waiting) >= 2 * at_a_time:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                stopped = True
                for work in list(under_way):
                    work.cancel()
                pool.shutdown(wait=False, cancel_futures=True)

        return each()

    def stream(self, **options: Unpack[StreamOptions]) -> Stream:
        """A transcription of speech that arrives piece by piece, which is always cut at pauses."""
        return Stream(self._native.stream(_json(options, StreamOptions)))


class Stream:
    """Speech that arrives piece by piece, from a microphone or a socket."""

    def __init__(self, native: _native.Stream) -> None:
        """Use :meth:`Transcriber.stream`."""
        self._native = native

    def feed(self, samples: numpy.ndarray[Any, Any]) -> list[Segment]:
        """Takes mono samples at 16 kHz; returns the segments that end with them. Ctrl-C in it stops the stream for good."""
        return [Segment.from_dict(json.loads(data)) for data in self._native.feed(samples)]

    def finish(self) -> list[Segment]:
        """Ends the recording; returns its last segments. What is fed next is another recording."""
        return [Segment.from_dict(json.loads(data)) for data in self._native.finish()]
