"""The program on a port: hostile requests, many clients at once, and its end.

    cargo build --release && python3 -m unittest discover -s tests/lambda

`HOSTILE_REQUESTS` (10,000) and `LOAD_S` (60) set how much.
"""

import collections
import http.client
import json
import os
import random
import signal
import socket
import struct
import tempfile
import threading
import time
import unittest

from support import BOUNDARY, CLIP, FORM, HINDI, ROOT, Server, form

HOSTILE_REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "10000"))
LOAD_S = float(os.environ.get("LOAD_S", "60"))
CLIENTS = 50
LIMIT = 1_000_000


def post(port: int, body: bytes, content_type: str = FORM, path: str = "/speech-to-text") -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"content-type": content_type})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def wav_head(data_bytes: int, rate: int = 16000, channels: int = 1, bits: int = 16) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * block % 2**32, block % 2**16, bits)
    size = struct.pack("<I", min(36 + data_bytes, 2**32 - 1))
    return b"RIFF" + size + b"WAVEfmt \x10\0\0\0" + fmt + b"data" + struct.pack("<I", min(data_bytes, 2**32 - 1))


class Hostile:
    """Requests that a service does not want, of every kind in turn; random but the same each time."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.clips = [path.read_bytes() for path in sorted((ROOT / "tests/clips").glob("hi*"))]
        self.bomb = (ROOT / "tests/clips/two_hours_of_silence.flac").read_bytes()

    def request(self, number: int) -> bytes:
        kinds = [
            self.random_bytes, self.noise_as_audio, self.broken_clip, self.cut_form, self.wrong_type, self.wrong_language,
            self.wrong_json, self.bomb_of_silence, self.huge_header, self.lying_wav, self.too_large, self.wrong_length,
        ]
        return kinds[number % len(kinds)]()

    def bytes(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(most))

    def http(self, body: bytes, content_type: str = FORM, path: str = "/speech-to-text", more: str = "") -> bytes:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
        return head.encode() + body

    def random_bytes(self) -> bytes:
        return self.bytes(2000) + b"\r\n\r\n"

    def noise_as_audio(self) -> bytes:
        return self.http(self.bytes(5000), "audio/wav")

    def broken_clip(self) -> bytes:
        clip = bytearray(self.random.choice(self.clips))
        # The head stays, so that a decoder begins; what follows is cut and changed.
        for _ in range(self.random.randrange(1, 50)):
            clip[self.random.randrange(40, len(clip))] = self.random.randrange(256)
        return self.http(form(bytes(clip[: self.random.randrange(60, len(clip))]), target_lang="klingon"))

    def cut_form(self) -> bytes:
        body = form(CLIP, target_lang="hin")
        return self.http(body[: self.random.randrange(len(body) - len(BOUNDARY) - 6)])

    def wrong_type(self) -> bytes:
        return self.http(CLIP, self.random.choice(["text/plain", "image/png", "multipart/form-data", "application/xml", "\x7f"]))

    def wrong_language(self) -> bytes:
        name = self.bytes(300).hex() or "x"
        return self.http(form(CLIP, target_lang=name))

    def wrong_json(self) -> bytes:
        values = ["{", "[" * 5000, '{"audio": 1}', '{"audio": "!!"}', '{"audio": null}', json.dumps({"audio": "A" * 1001}), "\0"]
        return self.http(self.random.choice(values).encode(), "application/json")

    def bomb_of_silence(self) -> bytes:
        return self.http(form(self.bomb, target_lang="hin"))

    def huge_header(self) -> bytes:
        return self.http(b"", more=f"x-filler: {'y' * 200_000}\r\n")

    def lying_wav(self) -> bytes:
        head = wav_head(2**32 - 1, self.random.randrange(2**32), self.random.randrange(2**16), self.random.randrange(256))
        return self.http(head + self.bytes(1000), "audio/wav")

    def too_large(self) -> bytes:
        return self.http(bytes(LIMIT + 1), "audio/wav")

    def wrong_length(self) -> bytes:
        return self.http(CLIP, more="content-length: 7\r\ntransfer-encoding: chunked\r\n")


def ask_raw(port: int, request: bytes) -> int | None:
    """The status of the answer; none if the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        received = b""
        try:
            connection.sendall(request)
            while b"\r\n" not in received and (more := connection.recv(4096)):
                received += more
        except (ConnectionResetError, BrokenPipeError):
            pass
        return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else None


class HostileRequests(unittest.TestCase):
    def test_all_are_turned_away(self) -> None:
        # As many may wait as there are clients: here requests are to be read, not refused for lack of room.
        server = Server(
            INDIC_SEAMLESS_MAX_BODY_BYTES=str(LIMIT), INDIC_SEAMLESS_QUEUE="8", INDIC_SEAMLESS_BODY_TIMEOUT_S="2",
            INDIC_SEAMLESS_MAX_AUDIO_S="60",
        )
        try:
            # Bodies that do not come, meanwhile.
            slow = [self.slow_body(server.port) for _ in range(4)]
            statuses: collections.Counter[int | None] = collections.Counter()
            lock = threading.Lock()

            def client(number: int) -> None:
                hostile = Hostile(number)
                for i in range(number, HOSTILE_REQUESTS, 4):
                    status = ask_raw(server.port, hostile.request(i))
                    with lock:
                        statuses[status] += 1

            before = server.memory_mb()
            threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            print(f"hostile: {sum(statuses.values())} requests, {dict(statuses)}, {before:.0f} to {server.memory_mb():.0f} MB")
            self.assertEqual(sum(statuses.values()), HOSTILE_REQUESTS)
            # Random bytes may look like no request at all, and a connection may be closed while megabytes are still coming.
            unanswered = statuses.pop(None, 0)
            self.assertLessEqual(unanswered, HOSTILE_REQUESTS / 100)
            self.assertEqual([status for status in statuses if not 400 <= status < 500], [], statuses)
            for connection in slow:
                self.assertIn(b" 408 ", connection.recv(1000))
                connection.close()
            self.assertLess(server.memory_mb(), before + 300)
            status, _, body = post(server.port, form(CLIP, target_lang="hin"))
            self.assertEqual((status, json.loads(body)), (200, {"transcription": HINDI}))
        finally:
            self.assertEqual(server.stop(), 0)

    def slow_body(self, port: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(f"POST /speech-to-text HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\ncontent-length: 9\r\n\r\n-".encode())
        return connection


class ManyClients(unittest.TestCase):
    def test_nothing_is_lost(self) -> None:
        server = Server(INDIC_SEAMLESS_QUEUE="4")
        statuses: collections.Counter[int] = collections.Counter()
        wrong: list[object] = []
        lock = threading.Lock()
        end = time.monotonic() + LOAD_S
        body = form(CLIP, target_lang="hin")

        def client() -> None:
            while time.monotonic() < end:
                try:
                    status, headers, answer = post(server.port, body)
                except OSError as error:
                    with lock:
                        wrong.append(error)
                    continue
                good = status == 200 and json.loads(answer) == {"transcription": HINDI}
                later = status == 503 and int(headers["retry-after"]) > 0 and json.loads(answer)["code"] == "busy"
                with lock:
                    statuses[status] += 1
                    if not good and not later:
                        wrong.append((status, answer))

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(f"{CLIENTS} clients for {LOAD_S:.0f} s: {dict(statuses)}, {server.memory_mb():.0f} MB")
        self.assertEqual(wrong, [])
        self.assertGreater(statuses[200], 0)
        self.assertEqual(server.stop(), 0)


class Jobs(unittest.TestCase):
    def test_a_listener_does_not_offer_what_it_would_never_do(self) -> None:
        log = tempfile.TemporaryFile()
        self.addCleanup(log.close)
        server = Server(log, INDIC_SEAMLESS_BUCKET="recordings", LOG_LEVEL="warn")
        status, _, _ = post(server.port, b'{"target_lang": "hin", "bytes": 9}', "application/json", "/v1/jobs")
        self.assertEqual(status, 404)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/openapi.json")
        self.assertNotIn("/v1/jobs", json.loads(connection.getresponse().read())["paths"])
        connection.close()
        self.assertEqual(server.stop(), 0)
        log.seek(0)
        self.assertIn(b"INDIC_SEAMLESS_BUCKET is ignored", log.read())


class Ending(unittest.TestCase):
    def test_what_is_under_way_is_finished(self) -> None:
        server = Server()
        body = form(CLIP, target_lang="hin")
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            head = f"POST /speech-to-text HTTP/1.1\r\nhost: x\r\ncontent-type: {FORM}\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:500])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            self.assertIsNone(server.process.poll())
            connection.sendall(body[500:])
            answer = b""
            while more := connection.recv(4096):
                answer += more
        self.assertIn(b"HTTP/1.1 200 ", answer)
        self.assertIn(HINDI.encode(), answer)
        self.assertEqual(server.process.wait(30), 0)

    def test_a_model_that_is_not_there_is_the_end(self) -> None:
        with self.assertRaises(AssertionError):
            Server(INDIC_SEAMLESS_MODEL="/nowhere")


if __name__ == "__main__":
    unittest.main()
