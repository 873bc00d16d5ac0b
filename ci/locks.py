#!/usr/bin/env python3
"""Checks the lock files of Python and npm: they hold what is asked for, and a hash of everything."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)")


def name(text: str) -> str:
    """The one spelling of a package's name: https://packaging.python.org/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", text).lower()


def asked(path: Path) -> set:
    """Names and versions that a file asks for, and those that it includes."""
    found = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            found |= asked(path.parent / line[3:])
        elif line and not line.startswith("-c "):
            pin = PIN.fullmatch(line)
            found.add((name(pin[1]), pin[2]) if pin else (line, "no version"))
    return found


def python(path: Path) -> list:
    lock = path.with_suffix(".txt")
    if not lock.is_file():
        return [f"{lock.relative_to(ROOT)} is missing"]
    locked, faults = set(), []
    # An entry is a line that others continue.
    for entry in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if pin := PIN.match(entry):
            locked.add((name(pin[1]), pin[2]))
            if "--hash=sha256:" not in entry:
                faults.append(f"{lock.relative_to(ROOT)}: {pin[0]} has no hash")
    missing = [" ".join(pin) for pin in sorted(asked(path) - locked)]
    return faults + [f"{lock.relative_to(ROOT)} lacks {pin}: run ci/locks.sh" for pin in missing]


def unlocked(path: Path) -> list:
    """A list of packages without an .in file that names other packages than those of other lists."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    own = [line for line in lines if line and not line.startswith("-r ")]
    return [f"{path.relative_to(ROOT)} has no .in file, and {own[0]}"] if own and not path.with_suffix(".in").is_file() else []


def npm(path: Path) -> list:
    packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
    bare = [place for place, package in packages.items() if place and "integrity" not in package]
    return [f"{path.relative_to(ROOT)}: {place} has no hash" for place in bare]


def main() -> None:
    check = {".in": python, ".txt": unlocked, ".json": npm}
    names = ["*.in", "*requirements*.txt", "*package-lock.json"]
    listed = subprocess.run(["git", "ls-files", *names], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    faults = [fault for path in paths for fault in check[path.suffix](path)]
    if faults or not paths:
        sys.exit("\n".join(faults) or "no lock files")
    print(f"{len(paths)} lists of packages")


if __name__ == "__main__":
    main()
