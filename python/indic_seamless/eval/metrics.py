"""The measures, computed by jiwer and sacrebleu.

Each keeps counts for every clip, such as errors and words. The measure of a set of clips is a function of the sum of their
counts, so that any resample of the clips is measured without comparing texts again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .packages import need, version

Counts = npt.NDArray[np.int64]
"""What is counted, ``[clips, kinds]``, or sums of it, ``[sets, kinds]``."""

Values = npt.NDArray[np.float64]
"""A measure of each set."""

NAMES = ("wer", "cer", "chrf++", "bleu")
"""All measures: fractions of 1 for ``wer`` and ``cer``, less is better; 0 to 100 for the others, more is better."""

_UNSPACED = {"cmn", "cmn_Hant", "jpn", "khm", "lao", "mya", "tha", "yue"}
"""Languages without blanks between words, whose BLEU is that of characters."""


class Metric(Protocol):
    """A measure of texts against references."""

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
        """What is counted for each clip."""
        ...

    def values(self, sums: Counts) -> Values:
        """The measure of each row of summed counts."""
        ...

    @property
    def signature(self) -> str:
        """The version and settings that a figure belongs to."""
        ...


class _ErrorRate:
    """Errors by words or characters, and how many there are in the reference."""

    def __init__(self, process: str) -> None:
        self._jiwer = need("jiwer")
        self._process: Callable[[list[str], list[str]], Any] = getattr(self._jiwer, process)

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
        found = self._process(list(references), list(hypotheses))
        errors = [sum(map(_errors, chunks)) for chunks in found.alignments]
        return np.array([errors, [len(units) for units in found.references]], dtype=np.int64).T

    def values(self, sums: Counts) -> Values:
        return np.divide(sums[:, 0], sums[:, 1], dtype=np.float64)

    @property
    def signature(self) -> str:
        return f"jiwer {version('jiwer')}"


def _errors(chunk: Any) -> int:
    if chunk.type == "equal":
        return 0
    return int(max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx))


class _Sacrebleu:
    """A measure of sacrebleu."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
        # What sacrebleu's own significance tests resample. `corpus_score` adds it up and computes the same from it.
        statistics = self._metric._extract_corpus_statistics(list(hypotheses), [list(references)])
        return np.array(statistics, dtype=np.int64)

    def values(self, sums: Counts) -> Values:
        return np.array([self._metric._compute_score_from_stats(row).score for row in sums.tolist()])

    @property
    def signature(self) -> str:
        return str(self._metric.get_signature())


def metric(name: str, target: str) -> Metric:
    """The measure of that name for texts in a language."""
    if name == "wer":
        return _ErrorRate("process_words")
    if name == "cer":
        return _ErrorRate("process_characters")
    if name == "chrf++":
        return _Sacrebleu(need("sacrebleu").CHRF(word_order=2))
    return _Sacrebleu(need("sacrebleu").BLEU(tokenize="char" if target in _UNSPACED else "13a", force=True))
