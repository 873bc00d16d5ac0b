"""The program behind Lambda's Runtime API: every kind of event, SnapStart, metrics, time limits, overhead.

    cargo build --release && python3 -m unittest discover -s tests/lambda
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from support import (
    BINARY, CLIP, GATEWAYS, HINDI, ROOT, Function, OneFunction, emulator, environment, form, free_port, http, rest, text,
)

CLIPS = ROOT / "tests/clips"


class Events(OneFunction):
    def test_every_gateway_and_format(self) -> None:
        for gateway, event in GATEWAYS.items():
            wanted = None
            for name in ["hi.wav", "hi.mp3", "hi.m4a", "hi.opus", "hi.webm", "hi.flac"]:
                with self.subTest(gateway=gateway, clip=name):
                    body = form((CLIPS / name).read_bytes(), name, target_lang="Hindi")
                    answer = self.function.api.invoke(event("POST", "/speech-to-text", body))
                    self.assertEqual(answer["statusCode"], 200, answer)
                    transcription = json.loads(text(answer))["transcription"]
                    self.assertTrue(transcription)
                    wanted = wanted or transcription

    def test_a_body_of_the_largest_size(self) -> None:
        # 140 s at 16 bits and 16 kHz: 4.48 MB.
        samples = (CLIP[44:] * 200)[: 140 * 32000]
        sizes = (36 + len(samples)).to_bytes(4, "little"), len(samples).to_bytes(4, "little")
        wav = CLIP[:4] + sizes[0] + CLIP[8:40] + sizes[1] + samples
        for gateway, event in GATEWAYS.items():
            with self.subTest(gateway=gateway):
                answer = self.function.api.invoke(event("POST", "/speech-to-text", form(wav, target_lang="hi")))
                self.assertEqual(answer["statusCode"], 200, answer)
        answer = self.function.api.invoke(rest("POST", "/speech-to-text", form(wav * 2, target_lang="hi")))
        self.assertEqual((answer["statusCode"], json.loads(text(answer))["code"]), (413, "body_too_large"))

    def test_the_four_endpoints_with_and_without_stages(self) -> None:
        for event in [*GATEWAYS.values(), lambda m, p: http(m, p, stage="prod"), lambda m, p: rest(m, p, stage="v2")]:
            for path in ["/", "/health", "/supported-languages", "/openapi.json"]:
                answer = self.function.api.invoke(event("GET", path))
                self.assertEqual(answer["statusCode"], 200, (path, answer))
            answer = self.function.api.invoke(event("GET", "/nothing"))
            self.assertEqual((answer["statusCode"], json.loads(text(answer))["code"]), (404, "not_found"))

    def test_an_event_written_by_hand(self) -> None:
        answer = self.function.api.invoke({"httpMethod": "GET", "path": "/health"})
        self.assertEqual((answer["statusCode"], json.loads(text(answer))["status"]), (200, "healthy"))
        event = {"httpMethod": "POST", "path": "/speech-to-text", "headers": {"Content-Type": "application/json"}, "body": "{}"}
        self.assertEqual(self.function.api.invoke(event)["statusCode"], 422)

    def test_an_unknown_event_is_named(self) -> None:
        for event in [{}, {"Records": "none"}, {"path": "/health"}, [], "text", None]:
            kind, body = self.function.api.raw(event)
            self.assertEqual(kind, "error", event)
            self.assertIn("wanted", json.loads(body)["errorMessage"])

    def test_the_invocation_is_the_request_id(self) -> None:
        body = json.loads(text(self.function.api.invoke(rest("GET", "/nothing"))))
        self.assertRegex(body["request_id"], "^invocation-[0-9]+$")

    def test_a_gateway_without_binary_types_is_recognised(self) -> None:
        event = rest("POST", "/speech-to-text")
        event["body"] = form(CLIP, target_lang="hin").decode("utf-8", "replace")
        answer = self.function.api.invoke(event)
        self.assertEqual((answer["statusCode"], json.loads(text(answer))["code"]), (400, "mangled_body"))

    def test_an_answer_before_the_time_is_up(self) -> None:
        self.function.api.remaining_s = 0.5
        try:
            answer = self.function.api.invoke(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")))
        finally:
            self.function.api.remaining_s = 30.0
        problem = json.loads(text(answer))
        self.assertEqual((answer["statusCode"], problem["code"]), (504, "deadline"))
        self.assertEqual(problem["partial"], {"transcription": "", "segments": []})
        self.assertEqual(self.function.api.invoke(rest("GET", "/health"))["statusCode"], 200)

    def test_little_time_beside_the_model(self) -> None:
        body = form(CLIP, target_lang="hin", segments="true")
        beside = []
        for _ in range(50):
            started = time.perf_counter()
            answer = self.function.api.invoke(rest("POST", "/speech-to-text", body))
            whole_ms = (time.perf_counter() - started) * 1000
            beside.append(whole_ms - json.loads(text(answer))["timings"]["total_ms"])
        print(f"beside the model: median {statistics.median(beside):.2f} ms, the stand-in's own work included")


class Lifecycle(unittest.TestCase):
    def test_snapshot_and_restore(self) -> None:
        function = Function(restore=True, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
        try:
            deadline = time.monotonic() + 30
            while not function.api.asked:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            # The model is loaded and was run by now; the platform takes the snapshot here.
            time.sleep(0.3)
            self.assertEqual(function.api.asked, ["restore/next"])
            function.api.restore.set()
            answer = function.api.invoke(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")))
            self.assertEqual(json.loads(text(answer)), {"transcription": HINDI})
            self.assertEqual(function.api.asked[:2], ["restore/next", "invocation/next"])
        finally:
            function.stop()

    def test_events_are_asked_for_in_time_however_slow_the_weights(self) -> None:
        with tempfile.TemporaryDirectory() as model:
            # Whoever reads it waits until it is written.
            os.mkfifo(Path(model) / "config.json")
            started = time.monotonic()
            function = Function(INDIC_SEAMLESS_MODEL=model)
            try:
                while not function.api.asked:
                    self.assertLess(time.monotonic() - started, 9.0)
                    time.sleep(0.01)
                # As little as an initialisation may take, so that most models are loaded in it.
                self.assertGreater(time.monotonic() - started, 8.0)
                self.assertEqual(function.api.asked, ["invocation/next"])
                # An event waits for the model as long as it can.
                function.api.remaining_s = 3.0
                sent = time.monotonic()
                answer = function.api.invoke(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")))
                self.assertEqual((answer["statusCode"], json.loads(text(answer))["code"]), (503, "not_ready"))
                self.assertTrue(1.5 < time.monotonic() - sent < 3.0)
            finally:
                function.stop()

    def test_an_event_waits_for_the_model(self) -> None:
        with tempfile.TemporaryDirectory() as model:
            demo = ROOT / "indic-seamless/demo"
            for file in demo.iterdir():
                if file.name != "config.json":
                    shutil.copy(file, model)
            config = Path(model) / "config.json"
            os.mkfifo(config)
            function = Function(INDIC_SEAMLESS_MODEL=model)
            try:
                while not function.api.asked:
                    time.sleep(0.01)
                threading.Timer(1.0, lambda: config.write_bytes((demo / "config.json").read_bytes())).start()
                answer = function.api.invoke(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")))
                self.assertEqual(json.loads(text(answer)), {"transcription": HINDI})
            finally:
                function.stop()

    def test_a_snapshot_is_not_taken_without_a_model(self) -> None:
        function = Function(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", INDIC_SEAMLESS_MODEL="/nowhere")
        self.assertNotEqual(function.process.wait(30), 0)
        self.assertEqual(function.api.asked, [])
        function.stop()

    def test_answers_in_a_stream(self) -> None:
        function = Function(INDIC_SEAMLESS_RESPONSE="streaming")
        try:
            event = http("POST", "/speech-to-text", form(CLIP, target_lang="hin"))
            event["headers"]["accept"] = "text/event-stream"
            kind, body = function.api.raw(event)
            prelude, _, stream = body.partition(b"\0" * 8)
            self.assertEqual((kind, json.loads(prelude)["statusCode"]), ("response", 200))
            self.assertEqual(json.loads(prelude)["headers"]["content-type"], "text/event-stream")
            names = [line for line in stream.decode().splitlines() if line.startswith("event: ")]
            self.assertEqual(names, ["event: segment", "event: done"])
        finally:
            function.stop()

    def test_metrics_without_text(self) -> None:
        function = Function()
        for _ in range(2):
            function.api.invoke(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")))
        output = function.stop()
        lines = [json.loads(line) for line in output.splitlines()]
        self.assertEqual([line["ColdStart"] for line in lines], [1, 0])
        for line in lines:
            declared = line["_aws"]["CloudWatchMetrics"][0]
            self.assertEqual(declared["Dimensions"], [["FunctionName"]])
            for metric in declared["Metrics"]:
                self.assertIsInstance(line[metric["Name"]], int | float)
        self.assertNotIn(HINDI, output)

    @unittest.skipUnless(emulator(), "the Runtime Interface Emulator is not installed")
    def test_the_runtime_interface_emulator(self) -> None:
        port, api = free_port(), free_port()
        program = [
            emulator(),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{api}"),
            str(BINARY),
        ]
        process = subprocess.Popen(program, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        try:
            for gateway, event in GATEWAYS.items():
                for name in ["hi.wav", "hi.mp3", "hi.m4a", "hi.opus"]:
                    with self.subTest(gateway=gateway, clip=name):
                        body = form((CLIPS / name).read_bytes(), name, target_lang="hi")
                        answer = self.post(url, event("POST", "/speech-to-text", body))
                        self.assertEqual(answer["statusCode"], 200, answer)
                        self.assertTrue(json.loads(text(answer))["transcription"])
        finally:
            process.kill()
            process.wait()

    def post(self, url: str, event: object) -> dict:
        deadline = time.monotonic() + 30
        while True:
            try:
                request = urllib.request.Request(url, json.dumps(event).encode())
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
