"""Where figures come from: the very weights, the machine, the versions."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path
from typing import Any

from .. import _native
from .packages import version

DEMO = "demo"
"""The model that is part of the package."""


def folder(model: str, revision: str | None) -> Path | None:
    """The folder of a model; one of the hub is downloaded. The demo model has none."""
    return None if model == DEMO else _native.folder(model, revision)


def weights(place: Path | None) -> dict[str, str]:
    """SHA-256 of each file of weights. Those of the demo model are in the native part of the package."""
    files = [Path(str(_native.__file__))] if place is None else sorted(place.glob("*.safetensors"))
    return {file.name: _sha256(file) for file in files}


def commit(model: str, place: Path | None) -> str | None:
    """The commit of a model of the hub, by which its folder is named; others have none."""
    return None if place is None or Path(model).is_dir() else place.name


def _sha256(file: Path) -> str:
    whole = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 22):
            whole.update(piece)
    return whole.hexdigest()


_INSTRUCTIONS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "bf16", "sve")
"""Instruction sets of which rounding may depend, as Linux calls them."""


def machine() -> dict[str, Any]:
    """Processor, instruction sets, cores, memory and system."""
    processor = platform.processor() or platform.machine()
    flags: list[str] = []
    about = Path("/proc/cpuinfo")
    if about.is_file():
        lines = [line.partition(":") for line in about.read_text().splitlines()]
        told = {name.strip(): value.strip() for name, _, value in lines}
        processor = told.get("model name", processor)
        flags = told.get("flags", told.get("Features", "")).split()
    found: dict[str, Any] = {
        "processor": processor,
        "architecture": platform.machine(),
        "instruction_sets": " ".join(one for one in _INSTRUCTIONS if one in flags),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if isa := os.environ.get("INDIC_SEAMLESS_ISA"):
        found["INDIC_SEAMLESS_ISA"] = isa
    return found


def versions(with_transformers: bool) -> dict[str, str]:
    """The versions of this package and of those that measure."""
    modules = ["jiwer", "sacrebleu", "indicnlp"]
    if with_transformers:
        modules += ["transformers", "torch"]
    found = {module: version(module) for module in modules}
    known = {name: value for name, value in found.items() if value is not None}
    return {"python": platform.python_version(), "indic_seamless": _native.__version__, **known}
