"""Evaluation: a manifest with references becomes a table of error rates with intervals.

``python -m indic_seamless.eval --help`` is the command; ``pip install 'indic-seamless[eval]'`` installs what it needs. It is for
whoever has the weights and wants figures that others can check: word and character error rates by jiwer, BLEU and chrF++ by
sacrebleu, as written and after a normaliser that keeps Indic vowel signs, for each direction, precision, and transformers.
"""

from .bootstrap import Estimate, Resampling
from .card import model_index
from .clip import Clip, Hypothesis, Manifest, Row
from .errors import EvalError, HypothesesError, ManifestError, MissingPackageError, Problem, SettingsError
from .manifest import read as read_manifest
from .normalise import normalise
from .report import Report
from .run import Settings, evaluate
from .score import Group, SystemScore, score
from .signs import Signs
from .systems import Search

__all__ = [
    "Clip",
    "Estimate",
    "EvalError",
    "Group",
    "HypothesesError",
    "Hypothesis",
    "Manifest",
    "ManifestError",
    "MissingPackageError",
    "Problem",
    "Report",
    "Resampling",
    "Row",
    "Search",
    "Settings",
    "SettingsError",
    "Signs",
    "SystemScore",
    "evaluate",
    "model_index",
    "normalise",
    "read_manifest",
    "score",
]
