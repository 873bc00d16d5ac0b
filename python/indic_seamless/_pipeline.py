"""The calls and results of ``transformers.pipeline("automatic-speech-recognition")``."""

from __future__ import annotations

import os
from typing import Any

from ._transcriber import Transcriber
from ._types import Transcript

# Names of transformers.
_NAMES = {"num_beams": "beams", "tgt_lang": "language"}
_TIMESTAMPS = (None, False, True, "word")


class Pipeline:
    """Transcribes what a pipeline of transformers transcribes, and answers as it does."""

    def __init__(self, transcriber: Transcriber) -> None:
        """Use :func:`pipeline`."""
        self.transcriber = transcriber

    def __call__(
        self,
        inputs: Any,
        *,
        return_timestamps: bool | str | None = False,
        generate_kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """A path, bytes, an array at 16 kHz, ``{"raw" or "array": array, "sampling_rate": rate}``, or a list of these.

        ``generate_kwargs`` has ``tgt_lang``, English by default, and options of the search. ``return_timestamps`` is ``True`` for
        segments or ``"word"`` for words, in ``chunks``.
        """
        if return_timestamps not in _TIMESTAMPS:
            raise ValueError(f"return_timestamps is {return_timestamps!r}, wanted True, False or 'word'")
        arguments: dict[str, Any] = {}
        for given, value in [*(generate_kwargs or {}).items(), *options.items()]:
            name = _NAMES.get(given, given)
            if name in arguments:
                raise TypeError(f"{name!r} is given twice")
            arguments[name] = value
        if "words" in arguments:
            raise TypeError("unexpected keyword argument 'words'; return_timestamps='word' gives them")
        arguments["words"] = return_timestamps == "word"
        if isinstance(inputs, (list, tuple)):
            return [self._one(one, return_timestamps, arguments) for one in inputs]
        return self._one(inputs, return_timestamps, arguments)

    def _one(self, audio: Any, timestamps: bool | str | None, arguments: dict[str, Any]) -> dict[str, Any]:
        rate = None
        if isinstance(audio, dict):
            rate = audio.get("sampling_rate", 16_000)
            audio = audio["raw"] if "raw" in audio else audio["array"]
        elif not isinstance(audio, (str, bytes, os.PathLike)):
            rate = 16_000
        return _answer(self.transcriber.transcribe(audio, rate=rate, **arguments), timestamps)


def _answer(transcript: Transcript, timestamps: bool | str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"text": transcript.text}
    if timestamps == "word":
        parts = [part for segment in transcript.segments for part in segment.words]
        answer["chunks"] = [{"text": part.text, "timestamp": (part.start, part.end)} for part in parts]
    elif timestamps:
        answer["chunks"] = [{"text": one.text, "timestamp": (one.start, one.end)} for one in transcript.segments]
    return answer


def pipeline(
    task: str = "automatic-speech-recognition", model: str | os.PathLike[str] = "ai4bharat/indic-seamless", **settings: Any
) -> Pipeline:
    """Loads a model for calls in the way of transformers; ``settings`` are those of :meth:`Transcriber.from_pretrained`."""
    if task != "automatic-speech-recognition":
        raise ValueError(f"task is {task!r}, wanted 'automatic-speech-recognition'")
    return Pipeline(Transcriber.from_pretrained(model, **settings))
