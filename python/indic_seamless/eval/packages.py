"""Packages that only an evaluation needs."""

from __future__ import annotations

import importlib
import importlib.metadata
from types import ModuleType
from typing import Any

from .errors import MissingPackageError

_EXTRA = "pip install 'indic-seamless[eval]'"

_DISTRIBUTIONS = {
    "indicnlp": ("indic-nlp-library", _EXTRA),
    "jiwer": ("jiwer", _EXTRA),
    "sacrebleu": ("sacrebleu", _EXTRA),
    "pyarrow": ("pyarrow", "pip install pyarrow"),
    "soundfile": ("soundfile", "pip install soundfile"),
    "torch": ("torch", "pip install torch torchaudio transformers sentencepiece soundfile"),
    "torchaudio": ("torchaudio", "pip install torch torchaudio transformers sentencepiece soundfile"),
    "transformers": ("transformers", "pip install torch torchaudio transformers sentencepiece soundfile"),
}


def need(module: str) -> Any:
    """A module of a package that may not be installed."""
    package, install = _DISTRIBUTIONS[module.split(".")[0]]
    try:
        imported: ModuleType = importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(package, install) from error
    return imported


def version(module: str) -> str | None:
    """The version of an installed package, or ``None``."""
    try:
        return importlib.metadata.version(_DISTRIBUTIONS[module][0].replace("indic-nlp-library", "indic_nlp_library"))
    except importlib.metadata.PackageNotFoundError:
        return None
