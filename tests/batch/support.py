"""What the tests of batches share: the program, an emulator of S3 and SQS that is not ours, recordings and manifests."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("INDIC_SEAMLESS_CLI", ROOT / "target/release/indic-seamless"))
AUDIO = ROOT / "examples/audio"
HINDI = "कृपया आज का मौसम\n"
NUMBERS = "आठ पाँच दो\n"
# Headers of a connection and not of an answer.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding")
Json = dict[str, Any]

if not BINARY.exists():
    raise SystemExit(f"build {BINARY} first")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(endpoint: str) -> dict[str, str]:
    """Nothing of the person who runs the tests, and no array job."""
    arrays = ("AWS_", "SLURM_", "JOB_COMPLETION_INDEX", "INDIC_SEAMLESS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(arrays)}
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "INDIC_SEAMLESS_MODEL": "demo",
    }


class Batches(unittest.TestCase):
    """Tests with an emulated AWS of their own, a bucket `speech` with two recordings, and a folder."""

    @classmethod
    def setUpClass(cls) -> None:
        port = free_port()
        cls.endpoint = f"http://127.0.0.1:{port}"
        ministack = shutil.which("ministack", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        settings = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "AWS_ENDPOINT_URL": cls.endpoint}
        cls.emulator = subprocess.Popen(
            [sys.executable, ministack], env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{cls.endpoint}/_ministack/health")
                break
            except OSError:
                assert time.monotonic() < deadline, "the emulator does not start"
                time.sleep(0.2)
        options = {
            "endpoint_url": cls.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        cls.s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}), **options)
        cls.sqs = boto3.client("sqs", **options)
        cls.s3.create_bucket(Bucket="speech")
        cls.put("a.wav", (AUDIO / "hindi-1.wav").read_bytes())
        cls.put("calls/b.flac", (AUDIO / "hindi-2.flac").read_bytes())

    @classmethod
    def tearDownClass(cls) -> None:
        cls.emulator.kill()
        cls.emulator.wait()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    @classmethod
    def put(cls, key: str, body: bytes | str) -> None:
        cls.s3.put_object(Bucket="speech", Key=key, Body=body)

    def objects(self, prefix: str) -> dict[str, str]:
        """The objects below a prefix, without it."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="speech", Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        read = lambda key: self.s3.get_object(Bucket="speech", Key=key)["Body"].read().decode()  # noqa: E731
        return {key.removeprefix(prefix): read(key) for key in keys}

    def start(self, *arguments: str, endpoint: str | None = None, **more: str) -> subprocess.Popen[str]:
        settings = {**environment(endpoint or self.endpoint), **more}
        return subprocess.Popen([BINARY, *arguments], env=settings, stderr=subprocess.PIPE, text=True, cwd=self.folder)

    def run_program(self, *arguments: str, endpoint: str | None = None, **more: str) -> tuple[int, str]:
        """The exit code, and standard error."""
        process = self.start(*arguments, endpoint=endpoint, **more)
        errors = process.communicate(timeout=300)[1]
        return process.returncode, errors


@contextmanager
def forbidding(endpoint: str, prefix: str) -> Iterator[str]:
    """An endpoint in front of another one, which refuses to give objects below `/BUCKET/PREFIX`, as S3 does without the right."""
    address = urllib.parse.urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.command == "GET" and self.path.startswith(prefix):
                self.reply(403, {}, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
                return
            connection = http.client.HTTPConnection(address, timeout=60)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            self.reply(answer.status, headers, answer.read())
            connection.close()

        do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            # The answer to HEAD has the length of a body that it does not have.
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def rows(count: int) -> str:
    """A manifest in S3, with two recordings by turns."""
    audio = ["a.wav", "s3://speech/calls/b.flac"]
    return "".join(json.dumps({"audio": audio[number % 2], "id": f"{number:03}"}) + "\n" for number in range(count))


def texts(count: int) -> dict[str, str]:
    return {f"{number:03}.hin.txt": [HINDI, NUMBERS][number % 2] for number in range(count)}
