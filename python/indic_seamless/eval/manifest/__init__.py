"""Reads manifests with references, and tells all that is wrong with them before a model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import languages
from ..clip import Manifest
from ..errors import Problems, SettingsError
from . import fleurs, generic, indicvoices, kathbath, svarah
from .check import check
from .wanted import Wanted

__all__ = ["LAYOUTS", "Layout", "read"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files of a data set lie."""

    read: Callable[[Path, Wanted, Problems], Manifest]
    translates: bool
    """Whether it has references in other languages than the spoken one, which ``targets`` choose."""


LAYOUTS = {
    "generic": Layout(generic.read, translates=False),
    "fleurs": Layout(fleurs.read, translates=True),
    "indicvoices": Layout(indicvoices.read, translates=False),
    "kathbath": Layout(kathbath.read, translates=False),
    "svarah": Layout(svarah.read, translates=False),
}


def read(
    path: Path,
    layout: str = "generic",
    *,
    split: str | None = None,
    sources: Sequence[str] = (),
    targets: Sequence[str] = (),
    limit: int | None = None,
) -> Manifest:
    """Reads a manifest and checks it.

    ``sources`` chooses some of the spoken languages, ``targets`` the languages of the references where a data set has several,
    ``limit`` the first clips of each direction. Raises :class:`~indic_seamless.eval.ManifestError` with everything that is wrong,
    missing recordings among it.
    """
    if layout not in LAYOUTS:
        raise SettingsError("layout", repr(layout), ", ".join(LAYOUTS))
    if targets and not LAYOUTS[layout].translates:
        raise SettingsError("target-lang", ", ".join(targets), f"none, as {layout} says the language of each reference itself")
    wanted = Wanted(split, frozenset(map(languages.code, sources)), frozenset(map(languages.code, targets)), limit)
    problems = Problems(path)
    if not path.exists():
        problems.add(path, "nothing", "a manifest")
    problems.check()
    manifest = LAYOUTS[layout].read(path, wanted, problems)
    check(manifest.clips, problems)
    problems.check()
    return manifest
