"""What an evaluation can complain of, before it works where that can be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._errors import Error

SHOWN = 10
"""How many problems of a manifest its message lists."""


class EvalError(Error):
    """Anything that an evaluation cannot go on with."""

    def __init__(self, message: str, **fields: object) -> None:
        """``fields`` become attributes."""
        super().__init__(message)
        for name, value in fields.items():
            setattr(self, name, value)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a manifest."""

    where: str
    """The file, with the line if there is one."""
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}, wanted {self.wanted}"


class ManifestError(EvalError):
    """A manifest that cannot be evaluated. ``problems`` has the first ones, ``count`` is the number of all."""

    def __init__(self, path: Path, problems: Sequence[Problem], count: int) -> None:
        lines = [str(problem) for problem in problems[:SHOWN]]
        if count > len(lines):
            lines.append(f"and {count - len(lines)} more")
        super().__init__("\n".join([f"{path}: {count} problem{'s' if count > 1 else ''}", *lines]), path=path)
        self.problems = list(problems)
        self.count = count


class MissingPackageError(EvalError, ImportError):
    """A package that this evaluation needs is not installed; ``wanted`` is the command that installs it."""

    def __init__(self, package: str, wanted: str) -> None:
        super().__init__(f"the package {package} is not installed: {wanted}", found=None, wanted=wanted)
        self.package = package


class SettingsError(EvalError, ValueError):
    """An option that cannot be used, or settings that differ from those of the run that is continued."""

    def __init__(self, setting: str, found: object, wanted: object) -> None:
        super().__init__(f"{setting}: found {found}, wanted {wanted}", setting=setting, found=found, wanted=wanted)


class HypothesesError(EvalError):
    """A file of hypotheses that is damaged, or that does not belong to the manifest."""

    def __init__(self, path: Path, found: str, wanted: str) -> None:
        super().__init__(f"{path}: found {found}, wanted {wanted}", path=path, found=found, wanted=wanted)


class Problems:
    """Collects what is wrong with a manifest, so that one run tells all of it."""

    KEPT = 1000
    """The others are only counted."""

    def __init__(self, path: Path) -> None:
        """``path`` is what the user named."""
        self.path = path
        self._kept: list[Problem] = []
        self._count = 0

    def add(self, where: object, found: str, wanted: str) -> None:
        """Notes a problem."""
        self._count += 1
        if len(self._kept) < self.KEPT:
            self._kept.append(Problem(str(where), found, wanted))

    def check(self) -> None:
        """Raises if there are any."""
        if self._count:
            raise ManifestError(self.path, self._kept, self._count)
