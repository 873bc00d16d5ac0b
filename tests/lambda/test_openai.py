"""OpenAI's API behind gateways: the paths below a stage or a base path, forms in base64, errors, and streams."""

import json
import unittest

from support import CLIP, HINDI, Function, Json, OneFunction, form, http, load_balancer, rest, text
from test_gateways import custom_domain

TRANSCRIPTIONS, MODELS = "/v1/audio/transcriptions", "/v1/models"


def http_api(method: str, path: str, body: bytes | None = None, stage: str = "$default") -> Json:
    """An event of an HTTP API, whose path begins with the stage."""
    event = http(method, path, body, stage=stage)
    event["requestContext"]["domainName"] = event["headers"]["host"] = "x.execute-api.us-east-1.amazonaws.com"
    return event


GATEWAYS = {
    "REST": rest,
    "REST, custom domain": lambda *request: custom_domain("speech", *request),
    "HTTP API": http_api,
    "HTTP API with a stage": lambda *request: http_api(*request, stage="prod"),
    "function URL": http,
    "load balancer": load_balancer,
}


def recording(**fields: str) -> bytes:
    return form(CLIP, field="file", **{"model": "whisper-1", "language": "hi", **fields})


class OpenAi(OneFunction):
    def answers(self, method: str, path: str, body: bytes | None = None) -> list[tuple[str, int, str]]:
        """What the client of each gateway gets."""
        answers = {name: self.function.api.invoke(event(method, path, body)) for name, event in GATEWAYS.items()}
        return [(gateway, answer["statusCode"], text(answer)) for gateway, answer in answers.items()]

    def test_transcriptions(self) -> None:
        for gateway, status, body in self.answers("POST", TRANSCRIPTIONS, recording()):
            self.assertEqual((status, json.loads(body)["text"]), (200, HINDI), gateway)
        for gateway, status, body in self.answers("POST", TRANSCRIPTIONS, recording(response_format="srt")):
            self.assertEqual((status, body.startswith("1\n00:00:00,")), (200, True), (gateway, body))

    def test_models(self) -> None:
        for gateway, status, body in self.answers("GET", MODELS):
            listed = json.loads(body)
            self.assertEqual((status, listed["object"]), (200, "list"), gateway)
            self.assertEqual([model["object"] for model in listed["data"]], ["model"], gateway)
        for gateway, status, body in self.answers("GET", f"{MODELS}/{listed['data'][0]['id']}"):
            self.assertEqual((status, json.loads(body)["id"]), (200, listed["data"][0]["id"]), gateway)

    def test_errors_have_their_shape_below_any_prefix(self) -> None:
        for gateway, status, body in self.answers("POST", TRANSCRIPTIONS, recording(model="gpt-9")):
            self.assertEqual((status, json.loads(body)["error"]["code"]), (404, "model_not_found"), gateway)
        for gateway, status, body in self.answers("POST", TRANSCRIPTIONS, recording(nonsense="1")):
            self.assertEqual((status, json.loads(body)["error"]["code"]), (400, "unknown_parameter"), gateway)
        for gateway, status, body in self.answers("GET", "/v1/nothing"):
            self.assertEqual((status, json.loads(body)["error"]["code"]), (404, "unknown_url"), gateway)

    def test_a_stream_that_a_gateway_collects(self) -> None:
        for gateway, status, body in self.answers("POST", TRANSCRIPTIONS, recording(stream="true")):
            self.assertEqual(status, 200, gateway)
            self.assertIn("transcript.text.done", body, gateway)
            self.assertTrue(body.endswith("data: [DONE]\n\n"), (gateway, body))


class Streaming(unittest.TestCase):
    def test_events_as_they_come(self) -> None:
        function = Function(INDIC_SEAMLESS_RESPONSE="streaming")
        try:
            kind, body = function.api.raw(rest("POST", TRANSCRIPTIONS, recording(stream="true")))
            prelude, events = body.split(b"\0" * 8)
            self.assertEqual((kind, json.loads(prelude)["statusCode"]), ("response", 200))
            self.assertIn("text/event-stream", json.loads(prelude)["headers"]["content-type"])
            data = [line.removeprefix(b"data: ") for line in events.splitlines() if line.startswith(b"data: ")]
            self.assertEqual((json.loads(data[-2])["text"], data[-1]), (HINDI, b"[DONE]"))
        finally:
            function.stop()


if __name__ == "__main__":
    unittest.main()
