"""What the tests of faults share: the programs, what a process holds, disks to fill and cut off, recordings and their texts."""

import fcntl
import hashlib
import http.client
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("INDIC_SEAMLESS_CLI", ROOT / "target/release/indic-seamless"))
AUDIO = ROOT / "examples/audio"
HUB = ROOT / "tests/deploy/emulator/hub.py"
HUB_MODEL = ROOT / "tests/golden/tiny-bf16-sharded/model"
HUB_COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLIPS = sorted(path for path in AUDIO.iterdir() if path.suffix != ".json")
TEXTS = {name: texts["hin"] for name, texts in json.loads((AUDIO / "texts.json").read_text(encoding="utf-8")).items()}
# Of ext4: the disk is gone, and what was not written to it is lost.
EXT4_SHUTDOWN, WITHOUT_JOURNAL = 0x8004587D, 2

if not PROGRAM.exists():
    raise SystemExit(f"build {PROGRAM} first")
needs_root = unittest.skipIf(os.geteuid() != 0, "only root can mount disks")


def environment(**more: str) -> dict[str, str]:
    """Nothing of the person who runs the tests."""
    foreign = ("AWS_", "SLURM_", "JOB_COMPLETION_INDEX", "INDIC_SEAMLESS_", "HF_", "RUST_LOG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "INDIC_SEAMLESS_MODEL": "demo", **more}


def start(*arguments: Any, **more: str) -> subprocess.Popen[str]:
    command = [PROGRAM, *arguments]
    return subprocess.Popen(command, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: Any, **more: str) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, *arguments]
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, timeout=300)


def kill_at_random(process: subprocess.Popen[str], within_s: float) -> bool:
    """Whether it was killed before it ended by itself."""
    try:
        process.wait(random.uniform(0, within_s))
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def duration_of(work: Callable[[], subprocess.CompletedProcess[str]]) -> float:
    began = time.monotonic()
    done = work()
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def digests(folder: Path) -> dict[str, str]:
    """The content of all files below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def sums(content: bytes) -> list[str]:
    """The names that content may have in the cache of the hub: its SHA-256, or git's hash of it."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content)
    return [hashlib.sha256(content).hexdigest(), git.hexdigest()]


def until(is_so: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def seed(test: unittest.TestCase) -> None:
    """Begins what is random with a seed, which can be given to do the same again."""
    number = int(os.environ.get("SOAK_SEED", random.randrange(1 << 30)))
    random.seed(number)
    print(f"{test.id()}: SOAK_SEED={number}")


@contextmanager
def mounted(*command: Any, at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", *command, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def small_disk(at: Path, options: str) -> Any:
    """A disk in memory of a given size."""
    return mounted("-t", "tmpfs", "-o", options, "tmpfs", at=at)


class PowerCut:
    """A disk that can lose its power: what has not been written by then is lost."""

    def __init__(self, folder: Path) -> None:
        self.image, self.at = folder / "image", folder / "disk"
        self.at.mkdir()
        with self.image.open("wb") as image:
            image.truncate(256 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.on()

    def on(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.image, self.at], check=True)

    def off(self) -> None:
        subprocess.run(["umount", self.at], check=True)

    def cut(self, journal_first: bool) -> None:
        """Cuts the power and turns it on again. Every few seconds the disk writes its journal, which has names and lengths;
        whether it has done so makes a difference."""
        if journal_first:
            with (self.at / "other").open("wb") as other:
                os.fsync(other.fileno())
        disk = os.open(self.at, os.O_RDONLY)
        fcntl.ioctl(disk, EXT4_SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
        os.close(disk)
        self.off()
        self.on()


class Server:
    """`indic-seamless serve` on a port of its own."""

    def __init__(self, folder: Path, model: Any = "demo", command: tuple[Any, ...] = (), **more: str) -> None:
        self.log = folder / "log"
        arguments = [*command, PROGRAM, "serve", "--model", model, "--listen", "127.0.0.1:0"]
        # A file, since nobody would read a pipe.
        with self.log.open("w") as output:
            self.process = subprocess.Popen(arguments, env=environment(**more), stdout=output, stderr=output)
        until(lambda: self.process.poll() is not None or "listening on" in self.log.read_text(encoding="utf-8"))
        found = re.search(r"^listening on http://(\S+):(\d+)$", self.log.read_text(encoding="utf-8"), re.MULTILINE)
        assert found, self.log.read_text(encoding="utf-8")
        self.host, self.port = found[1], int(found[2])
        until(lambda: self.ask("GET", "/ready")[0] == 200)

    def connection(self, timeout: float = 120) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = self.connection()
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def transcribe(self, audio: bytes) -> tuple[int, bytes]:
        path = "/speech-to-text?target_lang=hin&format=text"
        return self.ask("POST", path, audio, content_type="application/octet-stream")

    def metrics(self) -> dict[str, float]:
        """By name and labels."""
        lines = self.ask("GET", "/metrics")[1].decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name.removeprefix("indic_seamless_"): float(value) for name, value in pairs}

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


def holds(process: int) -> tuple[int, int, int]:
    """Bytes of memory that are its own, open files, and threads of a process."""
    about = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    own = sum(int(size) for size in re.findall(r"^Private_(?:Clean|Dirty): +(\d+) kB", about, re.MULTILINE))
    return own << 10, len(os.listdir(f"/proc/{process}/fd")), len(os.listdir(f"/proc/{process}/task"))


class Faults(unittest.TestCase):
    """Tests with a folder."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def serve(self, model: Any = "demo", command: tuple[Any, ...] = (), **more: str) -> Server:
        server = Server(self.folder, model, command, **more)
        self.addCleanup(server.process.wait)
        self.addCleanup(server.process.kill)
        return server

    def hub(self) -> tuple[str, dict[str, str]]:
        """A hub with the model of this name, and the settings to use it; its log is the file `hub`."""
        for _ in range(20):
            port = random.randrange(20_000, 30_000)
            command = [sys.executable, HUB, str(port), HUB_MODEL, HUB_COMMIT, "the-token", self.folder / "hub"]
            hub = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            self.addCleanup(hub.wait)
            self.addCleanup(hub.kill)
            settings = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_TOKEN": "the-token"}
            cache = {"HF_HUB_CACHE": str(self.folder / "try")}
            while hub.poll() is None:
                if run("fetch", "--model", "a/b", **cache, **settings).returncode == 0:
                    return "a/b", settings
        raise AssertionError("no port for a hub")

    def model(self) -> Path:
        """A folder with a model that may be spoiled."""
        folder = self.folder / "model"
        self.succeeds(run("quantize", "--output", folder))
        return folder

    def recordings(self, count: int) -> dict[str, str]:
        """Recordings in the folder `recordings`, with what is said in each."""
        folder = self.folder / "recordings"
        folder.mkdir()
        texts = {}
        for number in range(count):
            clip = CLIPS[number % len(CLIPS)]
            name = f"{number:03}{clip.suffix}"
            (folder / name).write_bytes(clip.read_bytes())
            texts[name.split(".")[0]] = TEXTS[clip.name]
        return texts

    def succeeds(self, done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def assert_results(self, folder: Path, texts: dict[str, str], complete: bool) -> int:
        """That all results in a folder are whole, and all are there if they are `complete`. Returns how many there are."""
        found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("[!._]*") if path.is_file()}
        for name, text in found.items():
            self.assertEqual(text, f"{texts[name.split('.')[0]]}\n", name)
        if complete:
            self.assertEqual(sorted(found), [f"{name}.hin.txt" for name in texts])
        return len(found)

    def assert_model(self, folder: Path) -> None:
        """That the files of a model are those of the hub."""
        found = digests(folder)
        self.assertGreater(len(found), 5)
        self.assertEqual(found, {name: digest for name, digest in digests(HUB_MODEL).items() if name in found})

    def assert_blobs(self, model: Path) -> int:
        """That what has its name in a model's folder of the cache of the hub is whole. Returns how many files have theirs."""
        blobs = [blob for blob in model.glob("blobs/*") if "." not in blob.name]
        for blob in blobs:
            self.assertIn(blob.name, sums(blob.read_bytes()), "a file that is not whole")
        return len(blobs)
