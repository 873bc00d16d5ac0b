#!/usr/bin/env python3
"""Writes what the programs and the Python package are made of to a folder: ci/parts.py FOLDER, in CycloneDX, by cargo-cyclonedx.

That tool reads `cargo metadata`, which also names crates that no feature selects: PyTorch and CUDA, by way of Burn. What `cargo tree`
does not name is left out here. (cargo-auditable reads the same, and would write it into the programs.)
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"
# The folders of the packages that are released compiled.
FOLDERS = {"indic-seamless-cli": "indic-seamless-cli", "indic-seamless-lambda": "indic-seamless-lambda", "indic-seamless-python": "python"}


def run(*command: str) -> str:
    environment = os.environ | {"PATH": f"{ROOT / 'target/ci-tools/bin'}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def compiled(package: str) -> set:
    """Names and versions of the crates that a package is compiled from."""
    tree = run(
        "cargo", "tree", "--locked", "--package", package, "--edges", "normal,build", "--target", TARGET, "--prefix", "none"
    )
    return {tuple(line.split(" ")[:2]) for line in tree.splitlines() if line}


def prune(bom: dict, crates: set) -> None:
    bom["components"] = [part for part in bom["components"] if (part["name"], f"v{part['version']}") in crates]
    left = {part["bom-ref"] for part in [bom["metadata"]["component"], *bom["components"]]}
    bom["dependencies"] = [
        entry | {"dependsOn": [ref for ref in entry.get("dependsOn", []) if ref in left]}
        for entry in bom["dependencies"]
        if entry["ref"] in left
    ]


def main(out: Path) -> None:
    run("ci/cargo-tools.sh", "cargo-cyclonedx@0.5.9")
    try:
        run("cargo", "cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--target", TARGET, "--override-filename", "parts")
        for package, folder in FOLDERS.items():
            bom = json.loads((ROOT / folder / "parts.json").read_text(encoding="utf-8"))
            crates = compiled(package)
            prune(bom, crates)
            # The package itself is not one of its components.
            if len(bom["components"]) != len(crates) - 1:
                sys.exit(f"{package} has {len(crates) - 1} crates, and cargo-cyclonedx knows {len(bom['components'])} of them")
            version = bom["metadata"]["component"]["version"]
            # Without the folder of this clone.
            text = json.dumps(bom, indent=1, ensure_ascii=False).replace(f"file://{ROOT}/", "file:///")
            (out / f"{package}-{version}.cdx.json").write_text(text, encoding="utf-8")
    finally:
        # It writes a file for each member of the workspace.
        for file in ROOT.glob("*/parts.json"):
            file.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
