"""A stand-in for an OpenTelemetry collector: it takes OTLP over HTTP in protobuf, and keeps the spans."""

import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

SERVER = 2
ERROR = 2
Attributes = dict[str, Any]


@dataclass
class Span:
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Attributes
    status: int
    resource: Attributes = field(repr=False)


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message of protobuf: numbers, eight or four bytes, or strings of bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def raw(size: int) -> bytes:
        nonlocal at
        at += size
        assert at <= len(message)
        return message[at - size : at]

    while at < len(message):
        tag = varint()
        readers = {0: varint, 1: lambda: raw(8), 2: lambda: raw(varint()), 5: lambda: raw(4)}
        yield tag >> 3, readers[tag & 7]()


def all_of(message: bytes, number: int) -> list[Any]:
    return [value for found, value in fields(message) if found == number]


def one(message: bytes, number: int, default: Any) -> Any:
    return next(iter(all_of(message, number)), default)


def attributes(messages: list[bytes]) -> Attributes:
    found = {}
    for message in messages:
        ((kind, value),) = fields(one(message, 2, b""))
        plain = {1: bytes.decode, 2: bool, 3: int, 4: lambda raw: struct.unpack("<d", raw)[0]}
        found[one(message, 1, b"").decode()] = plain[kind](value)
    return found


def spans(export: bytes) -> Iterator[Span]:
    """The spans of an ExportTraceServiceRequest."""
    for resource_spans in all_of(export, 1):
        resource = attributes(all_of(one(resource_spans, 1, b""), 1))
        for scope_spans in all_of(resource_spans, 2):
            for span in all_of(scope_spans, 2):
                yield Span(
                    trace=one(span, 1, b"").hex(),
                    id=one(span, 2, b"").hex(),
                    parent=one(span, 4, b"").hex(),
                    name=one(span, 5, b"").decode(),
                    kind=one(span, 6, 0),
                    start=int.from_bytes(one(span, 7, b""), "little"),
                    end=int.from_bytes(one(span, 8, b""), "little"),
                    attributes=attributes(all_of(span, 9)),
                    status=one(one(span, 15, b""), 3, 0),
                    resource=resource,
                )


class Collector:
    def __init__(self, hangs: bool = False):
        self.exports: list[bytes] = []
        self.headers: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hangs:
                    time.sleep(60)
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                collector.headers.append(self.headers)
                collector.exports.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> list[Span]:
        return [span for export in self.exports for span in spans(export)]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
