"""The realtime client of OpenAI's API on a live feed: sentences in real time, several sockets at once, errors."""

import asyncio
import base64
import time
import unittest
import wave
from collections.abc import AsyncIterator
from typing import Any

from openai import AsyncOpenAI, OpenAI
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    InputAudioBufferClearedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeErrorEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)
from support import CLIP, HINDI, KEY, TAMIL, Server
from websockets.exceptions import InvalidStatus

RATE = 16_000
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"
VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}


def sentence() -> bytes:
    """The clip with a second of silence before and after it."""
    with wave.open(str(CLIP)) as clip:
        assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (RATE, 1, 2)
        silence = bytes(2 * RATE)
        return silence + clip.readframes(clip.getnframes()) + silence


def session(language: str = "hi", turn_detection: Any = VAD, **transcription: str) -> Any:
    transcription = {"model": "gpt-4o-transcribe", "language": language, **transcription}
    format_ = {"type": "audio/pcm", "rate": RATE}
    audio = {"input": {"format": format_, "transcription": transcription, "turn_detection": turn_detection}}
    return {"type": "transcription", "audio": audio}


async def say(connection: Any, audio: bytes, piece_s: float = 0.1, speed: float = 2.0) -> None:
    """Sends audio as a microphone gives it, but faster."""
    size = 2 * int(RATE * piece_s)
    for start in range(0, len(audio), size):
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio[start : start + size]).decode())
        await asyncio.sleep(piece_s / speed)


async def events(connection: Any, count: int) -> AsyncIterator[Any]:
    """The events up to the end of so many items, with the time at which they came."""
    while count:
        event = await asyncio.wait_for(connection.recv(), 60)
        yield time.monotonic(), event
        count -= event.type == COMPLETED


class RealtimeTest(unittest.IsolatedAsyncioTestCase):
    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def connect(self, key: str = KEY, **query: str) -> Any:
        client = AsyncOpenAI(base_url=self.server.url, api_key=key)
        self.addAsyncCleanup(client.close)
        return client.realtime.connect(extra_query={"intent": "transcription", **query})

    async def test_a_live_feed(self) -> None:
        async with self.connect() as connection:
            created = await connection.recv()
            self.assertIsInstance(created, SessionCreatedEvent)
            self.assertEqual(created.session.type, "transcription")
            await connection.session.update(session=session())
            self.assertIsInstance(await connection.recv(), SessionUpdatedEvent)
            speaking = asyncio.create_task(say(connection, 3 * sentence()))
            heard = [pair async for pair in events(connection, 3)]
            await speaking
        kinds = {type(event) for _, event in heard}
        wanted = {
            InputAudioBufferSpeechStartedEvent,
            InputAudioBufferSpeechStoppedEvent,
            InputAudioBufferCommittedEvent,
            ConversationItemAdded,
            ConversationItemDone,
            ConversationItemInputAudioTranscriptionDeltaEvent,
            ConversationItemInputAudioTranscriptionCompletedEvent,
        }
        self.assertEqual(kinds, wanted)
        completed = [event for _, event in heard if event.type == COMPLETED]
        self.assertEqual([event.transcript for event in completed], [HINDI] * 3)
        self.assertEqual({event.usage.type for event in completed}, {"duration"})
        committed = [event for _, event in heard if event.type == "input_audio_buffer.committed"]
        self.assertEqual([event.item_id for event in committed], [event.item_id for event in completed])
        self.assertEqual([event.previous_item_id for event in committed], [None, *(e.item_id for e in committed[:-1])])
        for item in completed:
            text = "".join(event.delta for _, event in heard if event.type == DELTA and event.item_id == item.item_id)
            self.assertEqual(text, HINDI)
        # Words are there while the sentence is still being said.
        ends = [came for came, event in heard if event.type == "input_audio_buffer.speech_stopped"]
        first = next(came for came, event in heard if event.type == DELTA)
        self.assertLess(first, ends[0])

    async def test_several_feeds_at_once(self) -> None:
        async def feed(to_language: str | None, turn_detection: Any) -> str:
            async with self.connect(model="gpt-4o-transcribe") as connection:
                more = {"to_language": to_language} if to_language else {}
                await connection.session.update(session=session(turn_detection=turn_detection, **more))
                speaking = asyncio.create_task(say(connection, 2 * sentence(), speed=4))
                if turn_detection is None:
                    await speaking
                    await connection.input_audio_buffer.commit()
                items = 1 if turn_detection is None else 2
                texts = [event.transcript async for _, event in events(connection, items) if event.type == COMPLETED]
                await speaking
                return " ".join(texts)

        kinds = [(None, VAD), ("ta", VAD), (None, None), ("ta", None)]
        texts = await asyncio.gather(*(feed(*kind) for kind in 2 * kinds))
        self.assertEqual(texts, 2 * [" ".join([text] * 2) for text in (HINDI, TAMIL, HINDI, TAMIL)])

    async def test_log_probabilities(self) -> None:
        async with self.connect() as connection:
            include = ["item.input_audio_transcription.logprobs"]
            await connection.session.update(session={**session(turn_detection=None), "include": include})
            await say(connection, sentence(), speed=50)
            await connection.input_audio_buffer.commit()
            *_, (_, completed) = [pair async for pair in events(connection, 1)]
        self.assertEqual("".join(token.token for token in completed.logprobs), HINDI)
        self.assertTrue(all(-5 < token.logprob <= 0 for token in completed.logprobs))

    async def test_errors_are_events(self) -> None:
        async with self.connect() as connection:
            await connection.recv()

            async def refused() -> tuple[str | None, str | None, str | None]:
                event = await connection.recv()
                self.assertIsInstance(event, RealtimeErrorEvent)
                self.assertEqual(event.error.type, "invalid_request_error")
                return event.error.code, event.error.param, event.error.event_id

            await connection.input_audio_buffer.commit(event_id="one")
            self.assertEqual(await refused(), ("input_audio_buffer_commit_empty", None, "one"))
            await connection.input_audio_buffer.append(audio="!", event_id="two")
            self.assertEqual(await refused(), ("invalid_value", "audio", "two"))
            await connection.session.update(session=session(model="whisper-2"), event_id="three")
            path = "session.audio.input.transcription"
            self.assertEqual(await refused(), ("model_not_found", f"{path}.model", "three"))
            await connection.session.update(session=session(language="klingon"))
            self.assertEqual(await refused(), ("unknown_language", f"{path}.language", None))
            await connection.response.create(event_id="four")
            self.assertEqual(await refused(), ("invalid_value", "type", "four"))
            await connection.input_audio_buffer.clear()
            self.assertIsInstance(await connection.recv(), InputAudioBufferClearedEvent)

    async def test_a_connection_that_is_refused(self) -> None:
        for status, connection in ((401, self.connect(key="wrong")), (404, self.connect(model="whisper-2"))):
            with self.assertRaises(InvalidStatus) as refused:
                async with connection:
                    pass
            self.assertEqual(refused.exception.response.status_code, status)

    def test_the_synchronous_client(self) -> None:
        with OpenAI(base_url=self.server.url, api_key=KEY) as client:
            with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
                connection.session.update(session=session(turn_detection=None))
                connection.input_audio_buffer.append(audio=base64.b64encode(sentence()).decode())
                connection.input_audio_buffer.commit()
                texts = []
                for event in connection:
                    if event.type == COMPLETED:
                        texts.append(event.transcript)
                        break
        self.assertEqual(texts, [HINDI])


if __name__ == "__main__":
    unittest.main()
