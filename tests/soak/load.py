"""A mixed load for the service, as clients make it: whole, broken and broken off, short and long, by every way in."""

import asyncio
import base64
import json
import random
import socket
import struct
import threading
import time
import wave
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import websockets
from machine import CLIPS, ROOT, TEXTS, Server

FORMATS = sorted(path for path in (ROOT / "tests/clips").glob("*.*") if path.suffix != ".md")
SILENCE = "two_hours_of_silence.flac"
BOUNDARY = "a-boundary"
COMPLETED = "conversation.item.input_audio_transcription.completed"


def form(audio: bytes, name: str, field: str, **fields: str) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return "".join([*parts, head]).encode() + audio + f"\r\n--{BOUNDARY}--\r\n".encode()


def samples(clip: Path) -> bytes:
    """Those of a WAV file as Python's own reader finds them."""
    with wave.open(str(clip)) as file:
        return file.readframes(file.getnframes())


WAVS = [clip for clip in CLIPS if clip.suffix == ".wav"]


def wav(pcm: bytes) -> bytes:
    """A WAV file of samples at 16 kHz."""
    head = struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(pcm), b"WAVEfmt ", 16, 1, 1, 16_000, 32_000, 2, 16, b"data", len(pcm)
    )
    return head + pcm


class Load:
    """Clients of a server, and what they have seen."""

    def __init__(self, server: Server, clients: int) -> None:
        self.server = server
        # By route and status.
        self.answers: Counter[tuple[str, int]] = Counter()
        self.gone: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.lock = threading.Lock()
        self.end = threading.Event()
        self.clients = [threading.Thread(target=self.client, args=(number,)) for number in range(clients)]

    def start(self) -> None:
        self.end.clear()
        for client in self.clients:
            client.start()

    def stop(self) -> None:
        self.end.set()
        for client in self.clients:
            client.join()

    def client(self, number: int) -> None:
        chance = random.Random(number)
        weights = [weight for _, weight in KINDS]
        while not self.end.is_set():
            kind = chance.choices([kind for kind, _ in KINDS], weights)[0]
            with self.lock:
                self.kinds[kind.__name__] += 1
            try:
                kind(self, chance)
            except Exception as error:  # What a client must never see.
                with self.lock:
                    self.wrong.append(f"{kind.__name__}: {error!r}")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        status, answer = self.server.ask(method, path, body, **headers)
        with self.lock:
            self.answers[path.partition("?")[0], status] += 1
        return status, answer

    def expect(self, wanted: object, found: object, what: str) -> None:
        if wanted != found:
            with self.lock:
                self.wrong.append(f"{what}: {found!r} found, wanted {wanted!r}")

    # The kinds of requests. Where there is room for everybody, each has one right answer.

    def short(self, chance: random.Random) -> None:
        clip = chance.choice(CLIPS)
        path = f"/speech-to-text?target_lang=hin&format=text&beams={chance.choice((1, 1, 5))}"
        found = self.ask("POST", path, clip.read_bytes(), content_type="application/octet-stream")
        self.busy_or((200, TEXTS[clip.name].encode()), found, clip.name)

    def busy_or(self, wanted: tuple[int, bytes], found: tuple[int, bytes], what: str) -> None:
        if found[0] != 503:
            self.expect(wanted, found, what)

    def long(self, chance: random.Random) -> None:
        spoken = chance.choices(WAVS, k=chance.randint(5, 40))
        pcm = b"".join(samples(clip) + bytes(32_000) for clip in spoken)
        path = "/speech-to-text?target_lang=hin&words=true"
        status, body = self.ask("POST", path, wav(pcm), content_type="audio/wav")
        if status != 503:
            self.expect(200, status, "long")
            self.expect(" ".join(TEXTS[clip.name] for clip in spoken), json.loads(body)["transcription"], "long")

    def any_format(self, chance: random.Random) -> None:
        clip = chance.choice(FORMATS)
        body = form(
            clip.read_bytes(), clip.name, "audio", target_lang="hin", format=chance.choice(("json", "srt", "vtt"))
        )
        status, _ = self.ask("POST", "/speech-to-text", body, content_type=f"multipart/form-data; boundary={BOUNDARY}")
        if status != 503:
            self.expect(413 if clip.name == SILENCE else 200, status, clip.name)

    def in_json(self, chance: random.Random) -> None:
        clip = chance.choice(CLIPS)
        body = {"audio": base64.b64encode(clip.read_bytes()).decode(), "target_lang": "Hindi", "format": "text"}
        found = self.ask("POST", "/speech-to-text", json.dumps(body).encode(), content_type="application/json")
        self.busy_or((200, TEXTS[clip.name].encode()), found, clip.name)

    def events(self, chance: random.Random) -> None:
        clip = chance.choice(CLIPS)
        path, headers = "/speech-to-text?target_lang=hin", {"content_type": "audio/wav", "accept": "text/event-stream"}
        status, body = self.ask("POST", path, clip.read_bytes(), **headers)
        if status != 503:
            done = body.decode().split("event: done\ndata: ")[-1].splitlines()[0]
            self.expect(TEXTS[clip.name], json.loads(done)["transcription"], "events")

    def openai(self, chance: random.Random) -> None:
        clip, streams = chance.choice(CLIPS), chance.random() < 0.5
        body = form(clip.read_bytes(), clip.name, "file", model="whisper-1", language="hi", stream=str(streams).lower())
        path = "/v1/audio/transcriptions"
        status, body = self.ask("POST", path, body, content_type=f"multipart/form-data; boundary={BOUNDARY}")
        if status != 503:
            last = body.decode().split("data: ")[-2] if streams else body
            self.expect(TEXTS[clip.name], json.loads(last)["text"], "openai")

    def broken(self, chance: random.Random) -> None:
        clip = chance.choice(FORMATS + CLIPS).read_bytes()[:200_000]
        body = bytearray(clip[: chance.randrange(1, len(clip))])
        for _ in range(chance.randrange(20)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        status, _ = self.ask("POST", "/speech-to-text", bytes(body), content_type="application/octet-stream")
        if status not in (200, 400, 413, 415, 422, 503):
            self.expect("a refusal", status, "broken")

    def refused(self, chance: random.Random) -> None:
        for method, path, body, content_type, wanted in (
            ("POST", "/speech-to-text", b"", "audio/wav", 422),
            ("POST", "/speech-to-text?target_lang=klingon", CLIPS[0].read_bytes(), "audio/wav", 422),
            ("POST", "/speech-to-text", b"{", "application/json", 400),
            ("POST", "/v1/audio/transcriptions", b"--x", "multipart/form-data; boundary=y", 400),
            ("POST", "/nowhere", b"", "audio/wav", 404),
            ("DELETE", "/health", b"", "audio/wav", 405),
            ("GET", "/v1/models", None, "", 200),
        ):
            status, _ = self.ask(method, path, body, content_type=content_type)
            if status != 503:
                self.expect(wanted, status, f"{method} {path}")

    def broken_off(self, chance: random.Random) -> None:
        """A client that leaves: with its head, its body or the answer half-way."""
        body = wav(b"".join(samples(clip) for clip in WAVS) * 5)
        path = chance.choice(("/speech-to-text?target_lang=hin", "/speech-to-text?target_lang=hin&beams=5"))
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: audio/wav\r\ncontent-length: {len(body)}\r\n"
        sent = head.encode() + chance.choice((b"", b"accept: text/event-stream\r\n")) + b"\r\n" + body
        end = chance.choice((chance.randrange(len(head)), chance.randrange(len(sent)), len(sent), len(sent)))
        if end > len(head):
            with self.lock:
                self.gone["/speech-to-text"] += 1
        with socket.create_connection((self.server.host, self.server.port)) as connection:
            try:
                connection.sendall(sent[:end])
                time.sleep(chance.uniform(0, 0.3))
                if chance.random() < 0.5:
                    # A reset, where others close.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                # The service has refused the body.
                pass

    def live(self, chance: random.Random) -> None:
        asyncio.run(self.speak(chance, leaves=chance.random() < 0.3))

    async def speak(self, chance: random.Random, leaves: bool) -> None:
        clip = chance.choice(WAVS)
        silence = bytes(32_000)
        audio = {"input": {"format": {"type": "audio/pcm", "rate": 16_000}, "transcription": {"language": "hi"}}}
        url = f"ws://{self.server.host}:{self.server.port}/v1/realtime"
        try:
            connection = await websockets.connect(url)
        except websockets.InvalidStatus as error:
            with self.lock:
                self.answers["/v1/realtime", error.response.status_code] += 1
            self.expect(503, error.response.status_code, "live")
            return
        with self.lock:
            self.answers["/v1/realtime", 101] += 1
        await connection.send(
            json.dumps({"type": "session.update", "session": {"type": "transcription", "audio": audio}})
        )
        spoken = silence + samples(clip) + silence + silence
        end = chance.randrange(len(spoken)) if leaves else len(spoken)
        for start in range(0, end, 6400):
            piece = base64.b64encode(spoken[start : start + 6400]).decode()
            await connection.send(json.dumps({"type": "input_audio_buffer.append", "audio": piece}))
            await asyncio.sleep(0.02)
        if leaves:
            connection.transport.abort()
            return
        async with asyncio.timeout(60):
            async for event in connection:
                if (event := json.loads(event))["type"] == COMPLETED:
                    self.expect(TEXTS[clip.name], event["transcript"], "live")
                    break
        await connection.close()


KINDS: list[tuple[Callable[[Load, random.Random], None], float]] = [
    (Load.short, 6),
    (Load.long, 1),
    (Load.any_format, 3),
    (Load.in_json, 2),
    (Load.events, 2),
    (Load.openai, 3),
    (Load.broken, 4),
    (Load.refused, 1),
    (Load.broken_off, 4),
    (Load.live, 1),
]
