"""From hypotheses to figures: for each direction, and for all transcriptions and all translations together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .bootstrap import Estimate, Resampling, estimate, resampled
from .clip import Clip, Hypothesis
from .metrics import NAMES, Counts, Values, metric
from .normalise import normalise
from .signs import Signs, signs

FORMS = ("normalised", "raw")
"""How texts are compared: after :func:`~indic_seamless.eval.normalise`, and as they were written."""

Figures = dict[str, dict[str, Estimate]]
"""By form and measure."""

Hypotheses = Mapping[str, Mapping[str, Hypothesis]]
"""Of each system, by the ids of the clips."""


@dataclass(frozen=True, slots=True)
class SystemScore:
    """What a system reached on a group of clips."""

    figures: Figures
    signs: Signs
    differences: Figures
    """Its figures less those of the baseline, with paired intervals. The baseline itself has none."""
    equal_tokens: float | None
    """The share of clips with the same tokens as the baseline, where both tell them."""


@dataclass(frozen=True, slots=True)
class Group:
    """Clips that are measured together."""

    name: str
    source: str | None
    """The spoken language, unless there are several."""
    target: str | None
    """The language of the text, unless there are several."""
    clips: int
    """Those with speech, by which the measures are computed."""
    silent: int
    """Those whose reference is empty."""
    words: int
    """Of the normalised references."""
    systems: dict[str, SystemScore]


class _Texts:
    """References and hypotheses of the clips of one direction, in both forms."""

    def __init__(self, clips: Sequence[Clip], hypotheses: Hypotheses) -> None:
        target = clips[0].target
        spoken = [normalise(clip.text, target) for clip in clips]
        kept = [(clip, text) for clip, text in zip(clips, spoken, strict=True) if text]
        self.direction = clips[0].direction
        self.references = spoken
        self.hypotheses = {system: [found[clip.id] for clip in clips] for system, found in hypotheses.items()}
        self.words = sum(len(text.split()) for _, text in kept)
        self.silent = len(clips) - len(kept)
        self.wanted = {"normalised": [text for _, text in kept], "raw": [clip.text for clip, _ in kept]}
        raw = {system: [found[clip.id].text for clip, _ in kept] for system, found in hypotheses.items()}
        self.found = {
            "normalised": {system: [normalise(text, target) for text in texts] for system, texts in raw.items()},
            "raw": raw,
        }

    def counts(self) -> dict[tuple[str, str, str], Counts]:
        """The counts of each form, measure and system."""
        measures = {name: metric(name, self.direction[1]) for name in NAMES}
        return {
            (form, name, system): measures[name].counts(self.wanted[form], texts)
            for form in FORMS
            for name in NAMES
            for system, texts in self.found[form].items()
            if self.wanted[form]
        }


def _equal(baseline: Sequence[Hypothesis], other: Sequence[Hypothesis]) -> float | None:
    pairs = [(a.tokens, b.tokens) for a, b in zip(baseline, other, strict=True)]
    if any(a is None or b is None for a, b in pairs):
        return None
    return sum(a == b for a, b in pairs) / len(pairs)


def _group(name: str, parts: Sequence[_Texts], counted: Sequence[dict[tuple[str, str, str], Counts]], how: Resampling) -> Group:
    sources, targets = ({part.direction[side] for part in parts} for side in (0, 1))
    target = next(iter(targets)) if len(targets) == 1 else None
    systems = list(parts[0].hypotheses)
    figures: dict[str, Figures] = {system: {form: {} for form in FORMS} for system in systems}
    differences: dict[str, Figures] = {system: {form: {} for form in FORMS} for system in systems[1:]}
    for form in FORMS:
        for measure in NAMES:
            # BLEU depends on how the words of a language are told apart.
            if measure == "bleu" and target is None:
                continue
            _measure(form, measure, target or parts[0].direction[1], counted, how, figures, differences)
    scores = {}
    for system in systems:
        baseline, own = ([one for part in parts for one in part.hypotheses[which]] for which in (systems[0], system))
        counts = [signs(part.references, part.hypotheses[system], part.direction[1]) for part in parts]
        scores[system] = SystemScore(
            figures[system],
            Signs(*(sum(getattr(one, field) for one in counts) for field in Signs.__slots__)),
            differences.get(system, {}),
            None if system == systems[0] else _equal(baseline, own),
        )
    return Group(
        name,
        next(iter(sources)) if len(sources) == 1 else None,
        target,
        sum(len(part.wanted["raw"]) for part in parts),
        sum(part.silent for part in parts),
        sum(part.words for part in parts),
        scores,
    )


def _measure(
    form: str,
    name: str,
    target: str,
    counted: Sequence[dict[tuple[str, str, str], Counts]],
    how: Resampling,
    figures: dict[str, Figures],
    differences: dict[str, Figures],
) -> None:
    measure = metric(name, target)
    first: tuple[float, Values] | None = None
    for system in figures:
        parts = [counts[form, name, system] for counts in counted if (form, name, system) in counts]
        if not parts:
            return
        whole = np.concatenate(parts)
        value = float(measure.values(whole.sum(axis=0, keepdims=True))[0])
        draws = resampled(whole, measure, how)
        figures[system][form][name] = estimate(value, draws)
        if first is None:
            first = value, draws
        else:
            differences[system][form][name] = estimate(value - first[0], draws - first[1])


def score(clips: Sequence[Clip], hypotheses: Hypotheses, how: Resampling) -> list[Group]:
    """The figures of all directions. The first system is the baseline of the others. Each has a hypothesis for every clip."""
    directions: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips:
        directions.setdefault(clip.direction, []).append(clip)
    # Transcriptions before translations, each by their codes.
    ordered = sorted(directions, key=lambda one: (one[0] != one[1], one))
    texts = {direction: _Texts(directions[direction], hypotheses) for direction in ordered}
    counts = {direction: part.counts() for direction, part in texts.items()}
    groups = []
    for kind, name in ((True, "all transcriptions"), (False, "all translations")):
        some = [one for one in ordered if (one[0] == one[1]) is kind]
        for one in some:
            title = one[0] if kind else f"{one[0]} → {one[1]}"
            groups.append(_group(title, [texts[one]], [counts[one]], how))
        if len(some) > 1:
            groups.append(_group(name, [texts[one] for one in some], [counts[one] for one in some], how))
    return groups
