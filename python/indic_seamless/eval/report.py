"""The result of an evaluation, as JSON, as a table and as metadata of a model on the hub."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .bootstrap import CONFIDENCE, Estimate, Resampling
from .metrics import NAMES
from .score import FORMS, Group

_TITLES = {"wer": "WER, %", "cer": "CER, %", "chrf++": "chrF++", "bleu": "BLEU"}
_NORMALISER = "punctuation off, Indic normalisation but for Urdu, small letters; vowel signs stay"


@dataclass(frozen=True, slots=True)
class Report:
    """All figures, and where they come from."""

    model: str
    revision: str | None
    weights: dict[str, str]
    dataset: str
    dataset_revision: str | None
    split: str | None
    configs: dict[str, str]
    clips_sha256: str
    left_out: int
    systems: list[str]
    settings: dict[str, dict[str, Any]]
    """Of each system that ran here."""
    resampling: Resampling
    signatures: dict[str, str]
    machine: dict[str, Any]
    versions: dict[str, str]
    groups: list[Group]
    normaliser: str = field(default=_NORMALISER)

    def to_json(self) -> str:
        """Everything, with all digits. Error rates are fractions of 1."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1) + "\n"

    def to_markdown(self) -> str:
        """Tables for people."""
        lines = [f"# {self.model} on {self.dataset}", "", *_table(["", ""], self._facts())]
        for form, about in zip(FORMS, (f"Normalised: {_NORMALISER}", "Raw: texts as they were written"), strict=True):
            lines += ["", f"## {about}", "", *_table(self._heads(), self._rows(form), numbers=3)]
        if len(self.systems) > 1:
            heads = ["direction", "system", "equal tokens", *_TITLES.values()]
            title = f"## Differences from {self.systems[0]}, normalised"
            about = f"In bold where the interval does not hold 0: {self._interval()}, the same draws for both systems."
            lines += ["", title, "", about, "", *_table(heads, self._differences(), numbers=2)]
        heads = ["direction", "system", "empty", "loops", "wrong script", "failed", "text of silent clips"]
        wrong = list(self._signs())
        about = "No text is empty, repeats itself, is in a wrong script, failed or was invented."
        lines += ["", "## Texts that went wrong", "", *(_table(heads, wrong, numbers=2) if wrong else [about])]
        return "\n".join(lines) + "\n"

    def _interval(self) -> str:
        how = self.resampling
        return f"{CONFIDENCE} % by bootstrap over clips, {how.samples} draws, seed {how.seed}"

    def _facts(self) -> Iterator[list[str]]:
        if self.revision:
            yield ["revision of the model", self.revision]
        for name, digest in self.weights.items():
            yield [f"SHA-256 of {name}", f"`{digest}`"]
        yield ["split", self.split or "the whole"]
        yield ["revision of the data", self.dataset_revision or "not given"]
        yield ["SHA-256 of the list of clips", f"`{self.clips_sha256}`"]
        if self.left_out:
            yield ["clips without a reference in the target language, left out", str(self.left_out)]
        for system, settings in self.settings.items():
            yield [system, ", ".join(f"{name} {_shown(value)}" for name, value in settings.items())]
        yield ["measures", ", ".join(f"`{one}`" for one in dict.fromkeys(self.signatures.values()))]
        yield ["intervals", self._interval()]
        yield ["machine", ", ".join(f"{name} {value}" for name, value in self.machine.items())]
        yield ["versions", ", ".join(f"{name} {value}" for name, value in self.versions.items())]

    @staticmethod
    def _heads() -> list[str]:
        return ["direction", "clips", "system", *_TITLES.values()]

    def _rows(self, form: str) -> Iterator[list[str]]:
        for group in self.groups:
            for system, score in group.systems.items():
                figures = [_figure(name, score.figures[form].get(name)) for name in NAMES]
                yield [group.name, str(group.clips), system, *figures]

    def _differences(self) -> Iterator[list[str]]:
        for group in self.groups:
            for system in self.systems[1:]:
                score = group.systems[system]
                equal = "" if score.equal_tokens is None else f"{100 * score.equal_tokens:.2f} %"
                figures = [_figure(name, score.differences[FORMS[0]].get(name), sign=True) for name in NAMES]
                yield [group.name, system, equal, *figures]

    def _signs(self) -> Iterator[list[str]]:
        for group in self.groups:
            for system, score in group.systems.items():
                one = score.signs
                counts = [one.empty, one.loops, one.wrong_script, one.failed, one.invented]
                if any(counts):
                    yield [group.name, system, *map(str, counts[:-1]), f"{one.invented} of {group.silent}"]


def _shown(value: object) -> str:
    return "as in the checkpoint" if value is None else str(value)


def _figure(name: str, found: Estimate | None, sign: bool = False) -> str:
    if found is None:
        return ""
    scale = 100 if name in ("wer", "cer") else 1
    value, low, high = (f"{scale * one:{'+' if sign else ''}.2f}" for one in (found.value, found.low, found.high))
    text = f"{value} ({low} to {high})"
    return f"**{text}**" if sign and not found.holds_zero else text


def _table(heads: Sequence[str], rows: Iterable[list[str]], numbers: int | None = None) -> Iterator[str]:
    """Columns from ``numbers`` on are aligned to the right."""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "".join("---:|" if numbers is not None and at >= numbers else "---|" for at in range(len(heads)))
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
