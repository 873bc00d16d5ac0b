#!/usr/bin/env python3
"""Checks that the library's modules import only from modules above them, in the order of the table in ARCHITECTURE.md.

Two more rules are checked on the way: `unsafe` code only where it may be, and no Rust file over 400 lines. Modules of tests may import
what they like.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "indic-seamless" / "src"
MOST_LINES = 400
MAY_BE_UNSAFE = (
    "indic-seamless/src/kernels/",
    "indic-seamless/src/checkpoint/mapped.rs",
    "indic-seamless/src/checkpoint/huge_pages.rs",
    "indic-seamless/src/checkpoint/lost_pages/bus_error.rs",
)

COMMENT = re.compile(r"//[^\n]*")
TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[[^\n]*\]\n)*(?:pub\S* )?mod \w+ \{.*?^\}", re.MULTILINE | re.DOTALL)
UNSAFE = re.compile(r"\bunsafe\s*(?:\{|fn\b|impl\b|extern\b)")
PATH = re.compile(r"\b((?:super::)+|crate::)(?:(\w+)|\{)")


def order() -> dict[str, int]:
    """The modules, with the number of their row."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("## The modules of the library")[1].split("\n\n| module |")[1]
    rows = re.findall(r"^\| (`[^|]*) \|", table.split("\n\n")[0], re.MULTILINE)
    return {module: number for number, row in enumerate(rows) for module in re.findall(r"`(\w+)`", row)}


def braces(text: str, start: int) -> str:
    """What stands between the brace that opens before `start` and the one that closes it."""
    depth = 1
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end]
    return text[start:]


def first_names(list_of_paths: str) -> list[str]:
    """The first name of each path of `a::{b, c}, d`."""
    while "{" in list_of_paths:
        list_of_paths, before = re.sub(r"\{[^{}]*\}", "", list_of_paths), list_of_paths
        if list_of_paths == before:
            break
    return [match.group() for path in list_of_paths.split(",") if (match := re.search(r"\w+", path))]


def re_exported() -> dict[str, str]:
    """The names that lib.rs re-exports, with their modules."""
    library = COMMENT.sub("", (SOURCE / "lib.rs").read_text(encoding="utf-8"))
    statements = re.findall(r"pub use (\w+)::(?:\{([^}]*)\}|(\w+));", library)
    return {name: module for module, names, name in statements for name in first_names(names or name)}


def imports(file: Path, code: str) -> list[tuple[int, str]]:
    """The names at the crate's root that a file uses, with their lines."""
    inside = file.relative_to(SOURCE).with_suffix("")
    depth = len(inside.parts) - (inside.name == "mod")
    found = []
    for match in PATH.finditer(code):
        prefix, name = match.groups()
        if prefix == "crate::" or prefix.count("super::") == depth:
            names = [name] if name else first_names(braces(code, match.end()))
            found += [(code.count("\n", 0, match.start()) + 1, name) for name in names]
    return found


def without_tests(code: str) -> str:
    """The code with its comments and tests blanked, line for line."""
    return TESTS.sub(lambda match: "\n" * match.group().count("\n"), COMMENT.sub("", code))


def main() -> int:
    modules, exported, problems = order(), re_exported(), []
    listed = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(lambda name: (ROOT / name).exists(), listed.split()):
        file = ROOT / name
        text = file.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > MOST_LINES:
            problems.append(f"{name}: {lines} lines, at most {MOST_LINES} wanted")
        code = without_tests(text)
        if UNSAFE.search(code) and not name.startswith(MAY_BE_UNSAFE):
            problems.append(f"{name}: unsafe code, which belongs into {' and '.join(MAY_BE_UNSAFE)}")
        if SOURCE not in file.parents or file.name == "lib.rs" or {"tests", "tests.rs"} & set(file.parts):
            continue
        module = file.relative_to(SOURCE).parts[0].removesuffix(".rs")
        if module not in modules:
            problems.append(f"{name}: the module {module} is not in ARCHITECTURE.md")
            continue
        for line, used in imports(file, code):
            other = exported.get(used, used)
            if other in modules and modules[other] > modules[module]:
                problems.append(f"{name}:{line}: {module} imports from {other}, which is below it")
    print("\n".join(problems) or f"{len(modules)} modules import only from above")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
