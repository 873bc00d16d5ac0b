"""The official client of OpenAI's API on `indic-seamless serve --model demo`: every field with every format.

The client checks each answer against the types of the API.
"""

import asyncio
import itertools
import unittest
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from openai.types import Model
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    Translation,
    TranslationVerbose,
)
from support import CLIP, HINDI, KEY, TAMIL, Server

JSON = ("json", openai.omit)
VERBOSE = ("verbose_json",)
PLAIN = ("text", "srt", "vtt")
FORMATS = (*JSON, *VERBOSE, *PLAIN)
STREAMED = (*JSON, "text")


def without(value: Any) -> str:
    return "(left out)" if value is openai.omit else str(value)


class ClientTest(unittest.TestCase):
    server: Server
    client: OpenAI

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.client = cls.connect()
        cls.addClassCleanup(cls.client.close)

    @classmethod
    def connect(cls, key: str = KEY, **more: Any) -> OpenAI:
        more = {"max_retries": 0, **more}
        return OpenAI(base_url=cls.server.url, api_key=key, _strict_response_validation=True, **more)

    def create(self, response_format: Any, **fields: Any) -> Any:
        fields = {"model": "whisper-1", "language": "hi", **fields}
        return self.client.audio.transcriptions.create(file=CLIP, response_format=response_format, **fields)

    def check(self, answer: Any, response_format: Any, text: str = HINDI) -> None:
        """The type and the text of an answer."""
        if response_format in JSON:
            self.assertIsInstance(answer, Transcription)
            self.assertEqual(answer.text, text)
            self.assertEqual((answer.usage.type, answer.usage.seconds), ("duration", 2))
        elif response_format in VERBOSE:
            self.assertIsInstance(answer, TranscriptionVerbose)
            self.assertEqual((answer.text, answer.usage.type, answer.usage.seconds), (text, "duration", 2))
            self.assertAlmostEqual(answer.duration, 1.226, 2)
        else:
            self.assertIsInstance(answer, str)
            self.assertIn(text, answer)
            start = {"text": text, "srt": "1\n00:00:00,", "vtt": "WEBVTT\n\n00:00:00."}[response_format]
            self.assertTrue(answer.startswith(start), answer)

    def test_every_field_with_every_format(self) -> None:
        server_vad = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 300}
        every: dict[str, list[Any]] = {
            "model": ["whisper-1", "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "demo"],
            "language": ["hi", "hin", "Hindi", "auto"],
            "languages": [["ta", "hi"]],
            "prompt": ["The weather,", ""],
            "keywords": [["monsoon", "rain"]],
            "temperature": [0, 0.5, 1],
            "chunking_strategy": ["auto", server_vad],
            "stream": [False],
        }
        for field, values in every.items():
            for value, response_format in itertools.product(values, FORMATS):
                with self.subTest(field=field, value=value, response_format=without(response_format)):
                    self.check(self.create(response_format, **{field: value}), response_format)
        for response_format in FORMATS:
            with self.subTest(field="to_language", response_format=without(response_format)):
                self.check(self.create(response_format, extra_body={"to_language": "ta"}), response_format, TAMIL)
            with self.subTest("all at once", response_format=without(response_format)):
                all_of_them = {field: values[0] for field, values in every.items()}
                self.check(self.create(response_format, **all_of_them), response_format)

    def test_granularities(self) -> None:
        for granularities in ([], ["segment"], ["word"], ["word", "segment"]):
            with self.subTest(granularities=granularities):
                answer = self.create("verbose_json", timestamp_granularities=granularities)
                self.check(answer, "verbose_json")
                self.assertEqual(answer.language, "hindi")
                self.assertEqual(answer.segments is None, granularities == ["word"])
                self.assertEqual(answer.words is None, "word" not in granularities)
                for segment in answer.segments or []:
                    self.assertEqual((segment.id, segment.text, segment.start), (0, HINDI, 0))
                    self.assertLess(segment.avg_logprob, 0)
                    self.assertTrue(segment.tokens)
                if answer.words is not None:
                    self.assertEqual([word.word for word in answer.words], HINDI.split())
                    self.assertTrue(all(word.start < word.end for word in answer.words))
        for response_format in (*JSON, *PLAIN):
            with self.subTest(response_format=without(response_format)):
                with self.assertRaises(openai.BadRequestError) as refused:
                    self.create(response_format, timestamp_granularities=["word"])
                self.assertEqual(refused.exception.param, "timestamp_granularities")

    def test_logprobs(self) -> None:
        for response_format in JSON:
            answer = self.create(response_format, include=["logprobs"])
            self.check(answer, response_format)
            self.assertEqual("".join(token.token for token in answer.logprobs), HINDI)
            self.assertTrue(all(-5 < token.logprob <= 0 for token in answer.logprobs))
            self.assertEqual(bytes(int(byte) for token in answer.logprobs for byte in token.bytes).decode(), HINDI)
        for response_format in (*VERBOSE, *PLAIN):
            with self.assertRaises(openai.BadRequestError) as refused:
                self.create(response_format, include=["logprobs"])
            self.assertEqual((refused.exception.param, refused.exception.code), ("include", "unsupported_value"))

    def test_streams(self) -> None:
        for response_format in STREAMED:
            for include in ([], ["logprobs"]) if response_format in JSON else ([],):
                with self.subTest(response_format=without(response_format), include=include):
                    events = list(self.create(response_format, stream=True, include=include))
                    *deltas, done = events
                    self.assertTrue(all(isinstance(event, TranscriptionTextDeltaEvent) for event in deltas))
                    self.assertIsInstance(done, TranscriptionTextDoneEvent)
                    self.assertEqual("".join(event.delta for event in deltas), HINDI)
                    self.assertEqual(done.text, HINDI)
                    self.assertEqual(bool(done.logprobs), bool(include))
        for response_format in (*VERBOSE, "srt", "vtt"):
            with self.subTest(response_format=without(response_format)):
                with self.assertRaises(openai.BadRequestError) as refused:
                    self.create(response_format, stream=True)
                self.assertEqual((refused.exception.param, refused.exception.type), ("stream", "invalid_request_error"))

    def test_a_stream_of_the_asynchronous_client(self) -> None:
        async def ask() -> str:
            async with AsyncOpenAI(base_url=self.server.url, api_key=KEY) as client:
                events = await client.audio.transcriptions.create(
                    file=CLIP, model="gpt-4o-transcribe", language="hi", stream=True
                )
                return "".join([event.delta async for event in events if event.type == "transcript.text.delta"])

        self.assertEqual(asyncio.run(ask()), HINDI)

    def test_translations(self) -> None:
        english = self.create("json", language="en").text
        self.assertTrue(english.isascii() and english)
        for response_format, more in itertools.product(FORMATS, ({}, {"prompt": "Hello,"}, {"temperature": 0.5})):
            with self.subTest(response_format=without(response_format), more=more):
                answer: Any = self.client.audio.translations.create(
                    file=CLIP, model="whisper-1", response_format=response_format, **more
                )
                if response_format in PLAIN:
                    self.assertIn(english, answer)
                elif response_format in JSON:
                    self.assertIsInstance(answer, Translation)
                    self.assertEqual(answer.text, english)
                else:
                    self.assertIsInstance(answer, TranslationVerbose)
                    self.assertEqual((answer.text, answer.language), (english, "english"))
                    self.assertEqual(answer.segments[0].text, english)

    def test_models(self) -> None:
        self.assertEqual([model.id for model in self.client.models.list()], ["demo"])
        for name in ("demo", "whisper-1"):
            self.assertIsInstance(self.client.models.retrieve(name), Model)
        with self.assertRaises(openai.NotFoundError) as missing:
            self.client.models.retrieve("whisper-2")
        self.assertEqual((missing.exception.code, missing.exception.param), ("model_not_found", "model"))

    def test_errors(self) -> None:
        for fields, kind, code in (
            ({"model": "whisper-2"}, openai.NotFoundError, "model_not_found"),
            ({"model": "gpt-4o-transcribe-diarize"}, openai.NotFoundError, "model_not_found"),
            ({"response_format": "docx"}, openai.BadRequestError, "invalid_value"),
            ({"response_format": "diarized_json"}, openai.BadRequestError, "unsupported_value"),
            ({"language": "klingon"}, openai.BadRequestError, "unknown_language"),
            ({"temperature": 2}, openai.BadRequestError, "invalid_value"),
            ({"known_speaker_names": ["agent"]}, openai.BadRequestError, "unsupported_value"),
            ({"extra_body": {"best_of": 5}}, openai.BadRequestError, "unknown_parameter"),
        ):
            with self.subTest(fields=fields):
                with self.assertRaises(kind) as refused:
                    self.create(**{"response_format": "json", **fields})
                self.assertEqual((refused.exception.code, refused.exception.type), (code, "invalid_request_error"))
                self.assertTrue(refused.exception.request_id)
        with self.assertRaises(openai.BadRequestError) as refused:
            self.client.audio.transcriptions.create(file=("a.wav", b"no recording"), model="whisper-1")
        self.assertEqual((refused.exception.code, refused.exception.param), ("unsupported_audio", "file"))
        with self.assertRaises(openai.NotFoundError) as refused:
            self.client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello"}])
        self.assertEqual(refused.exception.code, "unknown_url")
        with self.connect(key="wrong") as stranger, self.assertRaises(openai.AuthenticationError) as refused:
            stranger.models.list()
        self.assertEqual(refused.exception.code, "invalid_api_key")


if __name__ == "__main__":
    unittest.main()
