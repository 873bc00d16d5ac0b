"""Programs and files."""

import shlex
import subprocess
import sys
from pathlib import Path


def run(command: str) -> None:
    result = subprocess.run(shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{command}\n{result.stderr.decode(errors='replace')}")


def ffmpeg(arguments: str) -> None:
    run(f"ffmpeg -v error -y -nostdin {arguments}")


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def write(path: str, *pieces: bytes) -> None:
    Path(path).write_bytes(b"".join(pieces))


def drop(start_s: float, end_s: float) -> str:
    """An option of ffmpeg that drops the packets between two times."""
    return f"-bsf:a \"noise=drop='gt(pts*tb,{start_s})*lt(pts*tb,{end_s})'\""
