#!/usr/bin/env python3
"""Checks the links between the repository's Markdown files: the file must exist, and have the heading.

Links into the repository on GitHub count as links to files here. Links to other sites are not followed.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = re.compile(
    r"https://(?:github\.com/indic-seamless/indic-seamless/(?:blob|raw|tree)|"
    r"raw\.githubusercontent\.com/indic-seamless/indic-seamless)/main/"
)
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^\]]+\]:\s+(\S+)|(?:src|href|srcset)=\"([^\"]+)\"", re.MULTILINE)
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(markdown: str) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def broken(file: Path) -> list[str]:
    """The links of a file that lead nowhere."""
    found = []
    for groups in LINK.findall(CODE.sub("", file.read_text(encoding="utf-8"))):
        link = next(group for group in groups if group)
        path, _, anchor = link.partition("#")
        inside = REPOSITORY.match(path)
        if not inside and re.match(r"[a-z]+:", path):
            continue
        path = unquote(path.partition("?")[0])
        target = ROOT / path[inside.end() :] if inside else file.parent / path if path else file
        if not target.exists():
            found.append(f"{file.relative_to(ROOT)}: {link}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            found.append(f"{file.relative_to(ROOT)}: {link}: no such heading")
    return found


def main() -> int:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    # The packages' copies of files at the root are symbolic links.
    files = [ROOT / name for name in names if (ROOT / name).is_file() and not (ROOT / name).is_symlink()]
    problems = [problem for file in files for problem in broken(file)]
    print("\n".join(problems) or f"links of {len(files)} files are fine")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
