"""The systems that are evaluated: this package in each precision, and transformers."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .._errors import AudioError
from .._transcriber import Options, RecordingOptions, Transcriber
from .._types import Transcript
from .clip import Clip, Hypothesis
from .errors import SettingsError
from .manifest import parquet
from .packages import need

PRECISIONS = ("auto", "f32", "bf16", "int8", "int4")
"""What :meth:`indic_seamless.Transcriber.from_pretrained` takes; ``auto`` is as stored."""


@dataclass(frozen=True, slots=True)
class Search:
    """How texts are searched for. ``None`` is what the checkpoint says.

    Clips are not cut, as they are cut already, and as transformers does not cut them.
    """

    beams: int | None = None
    max_new_tokens: int | None = None
    segmentation: str = "none"
    retry: str = "auto"

    def of_transformers(self) -> dict[str, int]:
        """What transformers has of it, under its names."""
        named = {"num_beams": self.beams, "max_new_tokens": self.max_new_tokens}
        return {name: value for name, value in named.items() if value is not None}


class System(Protocol):
    """Something that makes texts of clips."""

    @property
    def name(self) -> str:
        """Its name in tables and files."""
        ...

    def settings(self) -> dict[str, Any]:
        """What its texts depend on, besides the clips and the weights."""
        ...

    def transcribe(self, clips: Sequence[Clip]) -> Iterator[Hypothesis]:
        """A hypothesis for each clip, in any order."""
        ...


def _audio(clip: Clip) -> Path | bytes:
    return clip.audio if isinstance(clip.audio, Path) else parquet.recording(clip.audio)


@dataclass(frozen=True, slots=True)
class Own:
    """This package."""

    name: str
    """The precision."""
    model: str
    revision: str | None
    search: Search
    threads: int | None
    at_a_time: int

    def settings(self) -> dict[str, Any]:
        """The search and the version."""
        from .._native import __version__

        return {"indic_seamless": __version__, **dataclasses.asdict(self.search)}

    def transcribe(self, clips: Sequence[Clip]) -> Iterator[Hypothesis]:
        """Some clips at a time, which share the steps of the decoder."""
        transcriber = Transcriber.from_pretrained(self.model, precision=self.name, threads=self.threads, revision=self.revision)
        if missing := sorted({clip.target for clip in clips} - set(transcriber.languages)):
            raise SettingsError(f"languages of {self.model}", ", ".join(missing), ", ".join(transcriber.languages))
        # The text of a part must not be measured against that of all.
        options: Options = {"segmentation": self.search.segmentation, "retry": self.search.retry, "damage": "refuse"}
        if self.search.beams is not None:
            options["beams"] = self.search.beams
        if self.search.max_new_tokens is not None:
            options["max_new_tokens"] = self.search.max_new_tokens
        recordings = ((_audio(clip), RecordingOptions(language=clip.target)) for clip in clips)
        found = transcriber.transcribe_many(recordings, at_a_time=self.at_a_time, **options)
        for clip, result in zip(clips, found, strict=True):
            yield _hypothesis(clip, result)


def _hypothesis(clip: Clip, result: Transcript | Exception) -> Hypothesis:
    if isinstance(result, Transcript):
        return Hypothesis(clip.id, result.text, [segment.tokens for segment in result.segments])
    # Any other error is not that of one recording, and the run can be continued.
    if not isinstance(result, AudioError):
        raise result
    return Hypothesis(clip.id, "", error=str(result))


@dataclass(frozen=True, slots=True)
class Transformers:
    """The model in transformers, in ``float32`` on the CPU."""

    model: str
    revision: str | None
    search: Search
    name: str = "transformers"

    @staticmethod
    def check() -> None:
        """Raises :class:`~indic_seamless.eval.MissingPackageError` where it cannot run."""
        for module in ("torch", "torchaudio", "soundfile", "transformers"):
            need(module)

    def settings(self) -> dict[str, Any]:
        """The search and the versions."""
        versions = {module: str(need(module).__version__) for module in ("torch", "transformers")}
        return {**versions, **self.search.of_transformers()}

    def transcribe(self, clips: Sequence[Clip]) -> Iterator[Hypothesis]:
        """One clip after the other."""
        torch, hf = need("torch"), need("transformers")

        def load(kind: Any, **options: Any) -> Any:
            return kind.from_pretrained(self.model, revision=self.revision or "main", **options)

        model = load(hf.SeamlessM4Tv2ForSpeechToText, dtype=torch.float32).eval()
        extractor = load(hf.SeamlessM4TFeatureExtractor)
        try:
            tokenizer = load(hf.SeamlessM4TTokenizer)
        except (OSError, TypeError):  # There is only a tokenizer.json.
            tokenizer = load(hf.SeamlessM4TTokenizerFast)
        for clip in clips:
            try:
                samples = self._samples(clip)
            except RuntimeError as error:  # That of soundfile.
                yield Hypothesis(clip.id, "", error=str(error))
                continue
            inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt")
            with torch.no_grad():
                found = model.generate(**inputs, tgt_lang=clip.target, **self.search.of_transformers())
            tokens: list[int] = found[0].tolist()
            yield Hypothesis(clip.id, tokenizer.decode(tokens, skip_special_tokens=True), [tokens])

    @staticmethod
    def _samples(clip: Clip) -> Any:
        """Mono at 16 kHz; the mean of the channels, as this package takes it. Of a damaged recording it may be a part."""
        audio = _audio(clip)
        read = need("soundfile").read
        samples, rate = read(io.BytesIO(audio) if isinstance(audio, bytes) else audio, dtype="float32", always_2d=True)
        resample = need("torchaudio").functional.resample
        return resample(need("torch").from_numpy(samples.mean(axis=1)), rate, 16_000).numpy()
