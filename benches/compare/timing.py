"""What the scripts measure with, as `measure.rs` does it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEAMS = 5


def repeat(repeats: int, stage: Callable[[], Any]) -> dict[str, Any]:
    """Runs a stage once to warm up, then times it."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        stage()
        times.append(time.perf_counter() - started)
    return summary(times[1:])


def summary(seconds: list[float]) -> dict[str, Any]:
    ordered = sorted(seconds)
    at = {name: ordered[int((len(ordered) - 1) * part)] for name, part in (("median", 0.5), ("p10", 0.1), ("min", 0))}
    return at | {"runs": len(ordered)}


def peak_memory_gb() -> float:
    """The most memory that this process has held, mapped files included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("VmHWM:"))
