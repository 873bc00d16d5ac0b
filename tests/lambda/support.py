"""What the tests of the binary share: the program, clips, forms, events, and a stand-in for Lambda's Runtime API."""

import base64
import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("INDIC_SEAMLESS_BINARY", ROOT / "target/release/indic-seamless-lambda"))
CLIP = (ROOT / "examples/audio/hindi-1.wav").read_bytes()
HINDI = "कृपया आज का मौसम"
BOUNDARY = "a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
Json = dict[str, Any]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "INDIC_SEAMLESS_MODEL": "demo", **more}


def in_lambda(api: str, **more: str) -> dict[str, str]:
    """What the platform sets."""
    return environment(
        AWS_LAMBDA_RUNTIME_API=api,
        AWS_LAMBDA_FUNCTION_NAME="indic-seamless",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE="3008",
        AWS_LAMBDA_FUNCTION_VERSION="1",
        **more,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def form(audio: bytes, file_name: str = "speech.wav", field: str = "audio", **fields: str) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{field}"; filename="{file_name}"\r\n\r\n'
    return b"".join([*parts, head.encode(), audio, f"\r\n--{BOUNDARY}--\r\n".encode()])


def rest(method: str, path: str, body: bytes | None = None, content_type: str = FORM, stage: str = "prod") -> Json:
    """An event of a REST API (version 1)."""
    headers = {"Host": "x.execute-api.us-east-1.amazonaws.com", "Content-Type": content_type}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "x",
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/{stage}{path}",
            "stage": stage,
            "requestId": "r",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }


def http(method: str, path: str, body: bytes | None = None, content_type: str = FORM, stage: str = "$default") -> Json:
    """An event of an HTTP API (version 2) or a function URL."""
    full = path if stage == "$default" else f"/{stage}{path}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": full,
        "rawQueryString": "",
        "headers": {"host": "x.lambda-url.us-east-1.on.aws", "content-type": content_type},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "x",
            "domainName": "x.lambda-url.us-east-1.on.aws",
            "http": {"method": method, "path": full, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "requestId": "r",
            "routeKey": "$default",
            "stage": stage,
            "time": "24/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795392000000,
        },
        "body": None if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }


def load_balancer(method: str, path: str, body: bytes | None = None, content_type: str = FORM) -> Json:
    """An event of an application load balancer."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/x/1"}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {"host": "x.elb.amazonaws.com", "content-type": content_type},
        "body": "" if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }


GATEWAYS = {"REST": rest, "HTTP": http, "load balancer": load_balancer}


def text(answer: Json) -> str:
    body = answer.get("body") or ""
    return base64.b64decode(body).decode() if answer.get("isBase64Encoded") else body


class RuntimeApi:
    """Hands events to a function as the platform does, SnapStart's steps included, and notes what the function asks for."""

    def __init__(self, restore: bool = False):
        self.events: queue.Queue[Json] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes, float]] = queue.Queue()
        self.asked: list[str] = []
        self.restore = threading.Event()
        self.number = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                kind = self.path.rsplit("/2018-06-01/runtime/", 1)[-1]
                api.asked.append(kind)
                if kind == "restore/next":
                    api.restore.wait()
                    self.answer(200, b"{}")
                    return
                event = api.events.get()
                api.number += 1
                self.answer(
                    200,
                    json.dumps(event).encode(),
                    {
                        "Lambda-Runtime-Aws-Request-Id": f"invocation-{api.number}",
                        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + api.remaining_s) * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:x:live",
                    },
                )

            def do_POST(self) -> None:
                kind = self.path.rsplit("/", 1)[-1]
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline().strip() or b"0", 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    while self.rfile.readline().strip():
                        pass
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api.answers.put((kind, body, time.perf_counter()))
                self.answer(202, b"{}")

            def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.remaining_s = 30.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # A function that is killed breaks its connections.
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        if not restore:
            self.restore.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def raw(self, event: Json, timeout: float = 60) -> tuple[str, bytes]:
        self.events.put(event)
        kind, body, _ = self.answers.get(timeout=timeout)
        return kind, body

    def invoke(self, event: Json, timeout: float = 60) -> Json:
        kind, body = self.raw(event, timeout)
        assert kind == "response", (kind, body)
        return json.loads(body)


class Function:
    """The program in Lambda."""

    def __init__(self, restore: bool = False, **more: str):
        self.api = RuntimeApi(restore)
        self.process = subprocess.Popen(
            [BINARY], env=in_lambda(self.api.address, **more), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def stop(self) -> str:
        self.process.kill()
        output = self.process.communicate()[0]
        self.api.server.shutdown()
        self.api.server.server_close()
        return output


class OneFunction(unittest.TestCase):
    """Tests that share a function."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.function = Function()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.function.stop()


class Server:
    """The program on a port of its own."""

    def __init__(self, log: BinaryIO | None = None, **more: str):
        self.port = free_port()
        address = f"127.0.0.1:{self.port}"
        settings = environment(**{"LOG_LEVEL": "error", **more})
        self.process = subprocess.Popen([BINARY, "--listen", address], env=settings, stderr=log)
        self.url = f"http://{address}"
        deadline = time.monotonic() + 30
        while subprocess.run([BINARY, "--health-check", f"{self.url}/ready"], stderr=subprocess.DEVNULL).returncode:
            assert time.monotonic() < deadline and self.process.poll() is None, "the server does not start"
            time.sleep(0.05)

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


def emulator() -> str | None:
    """The Runtime Interface Emulator, where there is one."""
    named = os.environ.get("AWS_LAMBDA_RIE")
    return named or shutil.which("aws-lambda-rie")


if not BINARY.exists():
    raise SystemExit(f"build {BINARY} first")
