"""The program as a service, for the tests of OpenAI's client."""

import hashlib
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("INDIC_SEAMLESS_PROGRAM", ROOT / "target/release/indic-seamless")
CLIP = ROOT / "examples/audio/hindi-1.wav"
HINDI = "कृपया आज का मौसम"
TAMIL = "தயவுசெய்து இன்றைய வானிலை"
KEY = "a key for tests"


class Server:
    """The program, on a port of its own."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        keys = Path(self.folder.name, "keys.txt")
        keys.write_text(f"tests:{hashlib.sha256(KEY.encode()).hexdigest()}\n", encoding="utf-8")
        command = [PROGRAM, "serve", "--model", "demo", "--listen", "127.0.0.1:0", "--api-keys", keys]
        # A file, since nobody would read a pipe.
        log = Path(self.folder.name, "log")
        with log.open("w") as output:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=output)
        while not (found := re.search(r"^listening on (\S+)$", log.read_text(encoding="utf-8"), re.MULTILINE)):
            if self.process.poll() is not None:
                raise RuntimeError(log.read_text(encoding="utf-8"))
            time.sleep(0.05)
        self.url = f"{found[1]}/v1"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()
