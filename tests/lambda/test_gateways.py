"""What gateways do to requests, as AWS documents it: stages, base paths, time; and what their callers make of errors."""

import json
import os
import tempfile
import time
import unittest
from pathlib import Path

from support import CLIP, HINDI, Function, Json, form, http, load_balancer, rest, text


def custom_domain(base: str, method: str, path: str, body: bytes | None = None) -> Json:
    """A REST event by way of a custom domain with a base path: both paths begin with it, the stage is in neither."""
    event = rest(method, path, body)
    event["path"] = event["requestContext"]["path"] = f"/{base}{path}"
    event["requestContext"]["domainName"] = "speech.example.com"
    return event


def waited(event: Json, seconds: float) -> Json:
    """An event that reached the gateway this long ago."""
    event["requestContext"]["requestTimeEpoch"] = int((time.time() - seconds) * 1000)
    return event


class Paths(unittest.TestCase):
    def test_base_paths_of_custom_domains(self) -> None:
        function = Function()
        try:
            for base in ["speech", "speech/v2"]:
                answer = function.api.invoke(custom_domain(base, "GET", "/health"))
                self.assertEqual((answer["statusCode"], json.loads(text(answer))["status"]), (200, "healthy"))
                answer = function.api.invoke(custom_domain(base, "POST", "/speech-to-text", form(CLIP, target_lang="hin")))
                self.assertEqual(json.loads(text(answer)), {"transcription": HINDI})
                self.assertEqual(function.api.invoke(custom_domain(base, "GET", "/nothing"))["statusCode"], 404)
        finally:
            function.stop()

    def test_the_root_path_is_a_setting(self) -> None:
        function = Function(INDIC_SEAMLESS_ROOT_PATH="/speech")
        try:
            for path in ["/speech/health", "/health"]:
                for event in [http("GET", path), load_balancer("GET", path)]:
                    self.assertEqual(function.api.invoke(event)["statusCode"], 200, path)
        finally:
            function.stop()


class Time(unittest.TestCase):
    def test_the_answer_comes_before_the_gateway_gives_up(self) -> None:
        function = Function(INDIC_SEAMLESS_DEADLINE_S="29")
        function.api.remaining_s = 900.0
        try:
            body = form(CLIP, target_lang="hin")
            answer = function.api.invoke(waited(rest("POST", "/speech-to-text", body), 28.5))
            problem = json.loads(text(answer))
            self.assertEqual((answer["statusCode"], problem["code"]), (504, "deadline"))
            self.assertEqual(problem["partial"], {"transcription": "", "segments": []})
            for event in [waited(rest("POST", "/speech-to-text", body), 1), rest("POST", "/speech-to-text", body)]:
                self.assertEqual(json.loads(text(function.api.invoke(event))), {"transcription": HINDI})
        finally:
            function.stop()

    def test_a_model_that_comes_too_late_for_the_gateway(self) -> None:
        with tempfile.TemporaryDirectory() as model:
            # Whoever reads it waits until it is written, as for a layer of an image that is not there yet.
            os.mkfifo(Path(model) / "config.json")
            function = Function(INDIC_SEAMLESS_MODEL=model, INDIC_SEAMLESS_DEADLINE_S="29")
            function.api.remaining_s = 900.0
            try:
                while not function.api.asked:
                    time.sleep(0.01)
                sent = time.monotonic()
                answer = function.api.invoke(waited(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")), 26))
                self.assertEqual((answer["statusCode"], json.loads(text(answer))["code"]), (503, "not_ready"))
                self.assertTrue(1.0 < time.monotonic() - sent < 3.0)
            finally:
                function.stop()


class Callers(unittest.TestCase):
    def test_errors_that_stay_have_another_name(self) -> None:
        function = Function()
        try:
            for event in [{}, {"bucket": "b", "key": "a", "target_lang": "klingon"}, {"key": "a"}]:
                kind, body = function.api.raw(event)
                self.assertEqual((kind, json.loads(body)["errorType"]), ("error", "IndicSeamlessPermanentError"), event)
        finally:
            function.stop()

    def test_streams_are_for_gateways_only(self) -> None:
        function = Function(INDIC_SEAMLESS_RESPONSE="streaming")
        try:
            for event in [{"httpMethod": "GET", "path": "/health"}, load_balancer("GET", "/health")]:
                kind, body = function.api.raw(event)
                self.assertEqual(kind, "response")
                self.assertEqual(json.loads(json.loads(body)["body"])["status"], "healthy")
            _, body = function.api.raw(rest("GET", "/health"))
            self.assertIn(b"\0" * 8, body)
        finally:
            function.stop()

    def test_events_at_the_same_time_where_the_platform_wants_it(self) -> None:
        function = Function(AWS_LAMBDA_MAX_CONCURRENCY="4")
        try:
            deadline = time.monotonic() + 30
            while function.api.asked.count("invocation/next") < 4:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            for _ in range(8):
                function.api.events.put(rest("POST", "/speech-to-text", form(CLIP, target_lang="hin")))
            for _ in range(8):
                kind, body, _ = function.api.answers.get(timeout=60)
                self.assertEqual((kind, json.loads(text(json.loads(body)))), ("response", {"transcription": HINDI}))
        finally:
            function.stop()

    def test_one_event_at_a_time_elsewhere(self) -> None:
        function = Function()
        try:
            while not function.api.asked:
                time.sleep(0.01)
            time.sleep(0.3)
            self.assertEqual(function.api.asked, ["invocation/next"])
        finally:
            function.stop()


if __name__ == "__main__":
    unittest.main()
