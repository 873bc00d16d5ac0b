"""Traces of the programs, which are built with the feature `otlp`, at a stand-in for a collector."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lambda"))

from collector import ERROR, SERVER, Collector, Span  # noqa: E402
from support import CLIP, FORM, HINDI, Function, Server, form, free_port, rest, text  # noqa: E402

CLI = ROOT / "target/release/indic-seamless"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STAGES = ["opening", "waiting", "encoder", "decoder"]
# Nothing is exported before its time but at the end of the process or of an invocation.
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}


class Serve:
    """`indic-seamless serve` with the demo model."""

    def __init__(self, *arguments: str, **more: str):
        self.url = f"http://127.0.0.1:{free_port()}"
        command = [CLI, "serve", "--model", "demo", "--listen", self.url.removeprefix("http://"), *arguments]
        environment = {**os.environ, "RUST_LOG": "warn", **more}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while ask(f"{self.url}/ready")[0] != 200:
            assert time.monotonic() < deadline and self.process.poll() is None, "the server does not start"
            time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, {"content-type": FORM, **named})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def of_request(spans: list[Span], name: str = "POST /speech-to-text") -> tuple[Span, dict[str, list[Span]]]:
    """The only request of a name, and the spans below it."""
    (request,) = [span for span in spans if span.name == name]
    below: dict[str, list[Span]] = {}
    for span in spans:
        if span.parent == request.id:
            below.setdefault(span.name, []).append(span)
    return request, below


class Traces(unittest.TestCase):
    def check(self, spans: list[Span]) -> Span:
        """The span of a request for the text of the clip, with all that belongs to it."""
        request, below = of_request(spans)
        self.assertEqual(sorted(below), sorted(STAGES))
        for stage in STAGES:
            (span,) = below[stage]
            self.assertEqual(span.trace, request.trace)
            self.assertTrue(request.start <= span.start <= span.end <= request.end, (span, request))
        self.assertEqual(request.kind, SERVER)
        audio_s = request.attributes.pop("audio.seconds")
        self.assertTrue(1.0 < audio_s < 2.0, audio_s)
        (encoder,) = below["encoder"]
        self.assertTrue(0.5 < encoder.attributes["clip.seconds"] < 2.0)
        return request

    def test_a_request_with_its_parent_and_stages(self) -> None:
        collector = Collector()
        more = {"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=speech", "OTEL_RESOURCE_ATTRIBUTES": "deployment=test"}
        server = Serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, OTEL_SERVICE_NAME="speech", **more, **LATE)
        status, body = ask(
            f"{server.url}/speech-to-text",
            form(CLIP, target_lang="hin"),
            traceparent=f"00-{TRACE}-{PARENT}-01",
            x_request_id="request-1",
            x_api_key="a secret",
        )
        self.assertEqual((status, json.loads(body)), (200, {"transcription": HINDI}))
        self.assertEqual(collector.exports, [])
        # What is left is exported at the end.
        self.assertEqual(server.stop(), 0)
        request = self.check(collector.spans())
        self.assertEqual((request.trace, request.parent), (TRACE, PARENT))
        self.assertEqual((request.resource["service.name"], request.resource["deployment"]), ("speech", "test"))
        wanted = {
            "http.request.method": "POST",
            "http.route": "/speech-to-text",
            "http.response.status_code": 200,
            "request.id": "request-1",
        }
        self.assertEqual({name: request.attributes.get(name) for name in wanted}, wanted)
        # Nothing else that tells of the client or of what was said.
        times = {"busy_ns", "idle_ns"}
        self.assertLessEqual(set(request.attributes) - set(wanted), {"level", "code.namespace", "target"} | times)
        everything = b"".join(collector.exports)
        for secret in [HINDI.encode(), HINDI.split()[0].encode(), b"a secret", CLIP[44:76]]:
            self.assertNotIn(secret, everything)
        self.assertEqual({headers["x-tenant"] for headers in collector.headers}, {"speech"})
        collector.stop()

    def test_parents_that_cannot_be(self) -> None:
        collector = Collector()
        server = Serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, **LATE)
        for wrong in [f"00-{TRACE}-{PARENT}", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", "nonsense"]:
            self.assertEqual(ask(f"{server.url}/health", traceparent=wrong)[0], 200)
        # The caller wants no trace of this one.
        self.assertEqual(ask(f"{server.url}/limits", traceparent=f"00-{TRACE}-{PARENT}-00")[0], 200)
        server.stop()
        spans = collector.spans()
        health = [span for span in spans if span.name == "GET /health"]
        self.assertEqual([span.parent for span in health], [""] * 4)
        self.assertEqual(len({span.trace for span in health} | {TRACE}), 5)
        self.assertEqual([span for span in spans if span.name == "GET /limits"], [])
        self.assertEqual({span.resource["service.name"] for span in spans}, {"indic-seamless"})
        # The model is warmed up before any request, which is part of no trace.
        self.assertEqual({span.kind for span in spans}, {SERVER})
        collector.stop()

    def test_errors(self) -> None:
        collector = Collector()
        where = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.address}/v1/traces", **LATE}
        server = Server(**where)
        self.assertEqual(ask(f"{server.url}/speech-to-text", b"no form")[0], 400)
        self.assertEqual(ask(f"{server.url}/a/secret/path")[0], 404)
        server.stop()
        server = Server(INDIC_SEAMLESS_DEADLINE_S="0.001", **where)
        self.assertEqual(ask(f"{server.url}/v1/audio/transcriptions", form(CLIP, field="file", model="whisper-1"))[0], 504)
        server.stop()
        spans = {span.name: span for span in collector.spans() if span.kind == SERVER}
        found = {
            name: (span.attributes["http.response.status_code"], span.attributes["error.type"], span.status)
            for name, span in spans.items()
            if "error.type" in span.attributes
        }
        self.assertEqual(
            found,
            {
                "POST /speech-to-text": (400, "bad_request", 0),
                "POST /v1/audio/transcriptions": (504, "deadline", ERROR),
                "GET other": (404, "not_found", 0),
            },
        )
        collector.stop()

    def test_a_function_exports_before_each_answer(self) -> None:
        collector = Collector()
        function = Function(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, **LATE)
        try:
            for number in (1, 2):
                event = rest("POST", "/speech-to-text", form(CLIP, target_lang="hin"))
                event["headers"]["traceparent"] = f"00-{number:032x}-{PARENT}-01"
                event["multiValueHeaders"]["traceparent"] = [event["headers"]["traceparent"]]
                self.assertEqual(json.loads(text(function.api.invoke(event))), {"transcription": HINDI})
                request = self.check([span for span in collector.spans() if span.trace == f"{number:032x}"])
                self.assertEqual((request.parent, request.attributes["request.id"]), (PARENT, f"invocation-{number}"))
        finally:
            function.stop()
            collector.stop()

    def test_a_function_exports_at_the_end_of_a_stream(self) -> None:
        collector = Collector()
        function = Function(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, INDIC_SEAMLESS_RESPONSE="streaming", **LATE)
        try:
            event = rest("POST", "/speech-to-text", form(CLIP, target_lang="hin"))
            event["headers"]["Accept"] = "text/event-stream"
            event["multiValueHeaders"]["Accept"] = ["text/event-stream"]
            _, body = function.api.raw(event)
            self.assertIn(HINDI.encode(), body)
            self.check(collector.spans())
        finally:
            function.stop()
            collector.stop()

    def test_a_collector_that_hangs_holds_up_nobody(self) -> None:
        collector = Collector(hangs=True)
        function = Function(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
        try:
            function.api.invoke(rest("GET", "/ready"))
            sent = time.monotonic()
            self.assertEqual(function.api.invoke(rest("GET", "/health"))["statusCode"], 200)
            self.assertLess(time.monotonic() - sent, 2)
        finally:
            function.stop()
        server = Serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
        self.assertEqual(ask(f"{server.url}/health")[0], 200)
        stopped = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - stopped, 5)
        collector.stop()

    def test_without_a_collector_nothing_is_exported(self) -> None:
        collector = Collector()
        server = Serve(OTEL_SERVICE_NAME="speech", OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
        self.assertEqual(ask(f"{server.url}/health")[0], 200)
        server.stop()
        self.assertEqual(collector.exports, [])
        collector.stop()

    def test_what_cannot_be_exported_ends_the_program(self) -> None:
        environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        ended = subprocess.run([CLI, "serve", "--model", "demo"], env=environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(ended.returncode, 1)
        self.assertIn('OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" found, wanted http/protobuf', ended.stderr)


if __name__ == "__main__":
    unittest.main()
