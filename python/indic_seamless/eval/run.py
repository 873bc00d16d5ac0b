"""One evaluation: from a manifest to its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import provenance, store
from .bootstrap import Resampling
from .clip import Hypothesis, Manifest
from .errors import HypothesesError, SettingsError
from .metrics import NAMES, metric
from .packages import need
from .report import Report
from .score import score
from .systems import PRECISIONS, Own, Search, System, Transformers

TRANSFORMERS = "transformers"
"""The name of the reference among ``against``."""

Progress = Callable[[str, int, int], object]
"""Called with the system, and how many clips are done and in total."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is evaluated, and how."""

    model: str = "ai4bharat/indic-seamless"
    """The folder of a checkpoint, an id on the hub, or ``demo``."""
    revision: str | None = None
    precisions: tuple[str, ...] = ("auto",)
    transformers: bool = False
    """Whether transformers transcribes the clips as well; then it is the baseline."""
    others: Mapping[str, Path] = field(default_factory=dict)
    """Files with the hypotheses of other systems, by the names of these."""
    search: Search = field(default_factory=Search)
    threads: int | None = None
    at_a_time: int = 16
    resampling: Resampling = field(default_factory=Resampling)
    dataset: str | None = None
    """The name of the data set, if its layout does not say it."""
    dataset_revision: str | None = None

    def check(self) -> None:
        """Raises what can be known before anything is read."""
        for module in ("jiwer", "sacrebleu", "indicnlp.normalize.indic_normalize"):
            need(module)
        for precision in self.precisions:
            if precision not in PRECISIONS:
                raise SettingsError("precision", repr(precision), ", ".join(PRECISIONS))
        names = [*self.precisions, *self.others]
        if not names and not self.transformers:
            raise SettingsError("precision", "none", "at least one system")
        if len({*names, TRANSFORMERS}) != len(names) + 1:
            raise SettingsError("precision and against", ", ".join(names), "a name of its own for each system")
        search = self.search
        counts = {
            "at-a-time": self.at_a_time,
            "threads": self.threads,
            "beams": search.beams,
            "max-new-tokens": search.max_new_tokens,
        }
        for name, count in counts.items():
            if count is not None and count < 1:
                raise SettingsError(name, count, "at least 1")
        if self.resampling.samples < 100:
            raise SettingsError("samples", self.resampling.samples, "at least 100, for an interval")
        if self.transformers:
            if self.model == provenance.DEMO:
                raise SettingsError("model", "demo", "the folder of a checkpoint, which transformers can read")
            Transformers.check()

    def systems(self) -> list[System]:
        """Those that run here, the baseline first."""
        own: list[System] = [
            Own(name, self.model, self.revision, self.search, self.threads, self.at_a_time) for name in self.precisions
        ]
        return [Transformers(self.model, self.revision, self.search), *own] if self.transformers else own


def _others(manifest: Manifest, files: Mapping[str, Path]) -> dict[str, dict[str, Hypothesis]]:
    found = {}
    for name, path in files.items():
        found[name] = store.read(path)
        missing = [clip.id for clip in manifest.clips if clip.id not in found[name]]
        if missing:
            raise HypothesesError(path, f"nothing for {len(missing)} clips, such as {missing[0]!r}", "a text for each clip")
    return found


def _texts(system: System, manifest: Manifest, kept: store.Store, progress: Progress) -> dict[str, Hypothesis]:
    """The hypotheses of a system; those that are there already are not made again."""
    left = [clip for clip in manifest.clips if clip.id not in kept.done]
    progress(system.name, len(kept.done), len(manifest.clips))
    if left:
        for one in system.transcribe(left):
            kept.add(one)
            progress(system.name, len(kept.done), len(manifest.clips))
    return kept.done


def evaluate(manifest: Manifest, settings: Settings, output: Path, progress: Progress = lambda system, done, total: None) -> Report:
    """Transcribes the clips of a manifest and measures the texts.

    Hypotheses are kept below ``output``: a second call goes on where the first was interrupted, and with the same settings it only
    measures again.
    """
    settings.check()
    others = _others(manifest, settings.others)
    place = provenance.folder(settings.model, settings.revision)
    weights = provenance.weights(place)
    clips = manifest.digest()
    hypotheses: dict[str, dict[str, Hypothesis]] = {}
    used: dict[str, dict[str, Any]] = {}
    for system in settings.systems():
        used[system.name] = system.settings()
        header = {"system": system.name, "weights": weights, "clips": clips, **used[system.name]}
        with store.Store(output / "hypotheses" / f"{system.name}.jsonl", header) as kept:
            hypotheses[system.name] = _texts(system, manifest, kept, progress)
    hypotheses.update(others)
    return Report(
        model=settings.model,
        revision=provenance.commit(settings.model, place),
        weights=weights,
        dataset=settings.dataset or manifest.dataset or manifest.path.name,
        dataset_revision=settings.dataset_revision,
        split=manifest.split,
        configs=manifest.configs,
        clips_sha256=clips,
        left_out=manifest.left_out,
        systems=list(hypotheses),
        settings=used,
        resampling=settings.resampling,
        signatures=_signatures(sorted({clip.target for clip in manifest.clips})),
        machine=provenance.machine(),
        versions=provenance.versions(settings.transformers),
        groups=score(manifest.clips, hypotheses, settings.resampling),
    )


def _signatures(targets: Sequence[str]) -> dict[str, str]:
    """Of each measure; BLEU has one for each way to tell words apart."""
    found = {}
    for target in targets:
        for name in NAMES:
            measure = metric(name, target)
            # Signatures are complete once something was measured.
            measure.counts(["a"], ["a"])
            found[f"{name}, {target}"] = measure.signature
    return found
