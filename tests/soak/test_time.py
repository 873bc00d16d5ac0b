"""Clocks that jump, and programs that stand still for a while."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from machine import CLIPS, TEXTS, Faults, holds, run, start

CLIP = CLIPS[0]
TEXT = TEXTS[CLIP.name].encode()


class Clocks(Faults):
    """Only the clock on the wall jumps, as by NTP or a person; the system keeps another for times."""

    def setUp(self) -> None:
        super().setUp()
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not libraries:
            self.skipTest("libfaketime is missing (Debian package faketime)")
        self.offset = self.folder / "offset"
        self.set_clock("+0")
        self.faked = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set_clock(self, offset: str) -> None:
        new = self.folder / "new"
        new.write_text(offset)
        new.rename(self.offset)

    def test_the_clock_is_faked(self) -> None:
        self.set_clock("-3650d")
        year = subprocess.run(["date", "+%Y"], env={**os.environ, **self.faked}, capture_output=True, text=True).stdout
        self.assertLess(int(year), time.gmtime().tm_year - 8)

    def test_the_service(self) -> None:
        server = self.serve(**self.faked)
        answers, end = [], threading.Event()

        def client() -> None:
            while not end.is_set():
                answers.append(server.transcribe(CLIP.read_bytes()))

        clients = [threading.Thread(target=client) for _ in range(4)]
        for thread in clients:
            thread.start()
        for offset in ("+1d", "-1d", "+3650d", "-3650d", "+0"):
            self.set_clock(offset)
            time.sleep(0.5)
        end.set()
        for thread in clients:
            thread.join()
        self.assertGreater(len(answers), 50)
        self.assertEqual(set(answers), {(200, TEXT)})
        metrics = server.metrics()
        self.assertEqual(metrics['requests_total{method="POST",path="/speech-to-text",status="200"}'], len(answers))
        # No time is negative, or of years.
        times = [value for name, value in metrics.items() if name.startswith("stage_seconds_sum")]
        self.assertTrue(all(0 <= value < 3600 for value in times), times)

    def test_a_manifest(self) -> None:
        texts = self.recordings(200)
        manifest, output = self.folder / "all.csv", self.folder / "texts"
        rows = [f"{path},{path.stem}\n" for path in sorted((self.folder / "recordings").iterdir())]
        manifest.write_text("audio,id\n" + "".join(rows))
        arguments = ("transcribe", "--lang", "hin", "--threads", "1", "--manifest", manifest, "--output", output)
        process = start(*arguments, **self.faked)
        offsets = ["+1d", "-1d", "-3650d"]
        while process.poll() is None:
            self.set_clock(offsets[0])
            offsets.append(offsets.pop(0))
            time.sleep(0.1)
        self.assertEqual(process.returncode, 0, process.communicate()[1])
        self.assert_results(output, texts, complete=True)
        summary = json.loads((output / "_summary/shard-0-of-1.json").read_text())
        self.assertTrue(0 < summary["wall_s"] < 3600, summary)
        # It has seen the other clock.
        self.assertGreater(abs(summary["ended_s"] - time.time()), 3600)
        # Nothing is done again because files are older than others.
        self.assertIn("0 transcribed", self.succeeds(run(*arguments)).stderr)


class Standstill(Faults):
    """SIGSTOP, as of a machine that is suspended; a minute is scaled to seconds, and so are the limits of the service."""

    def test_the_service(self) -> None:
        limits = {"INDIC_SEAMLESS_DEADLINE_S": "3", "INDIC_SEAMLESS_BODY_TIMEOUT_S": "2"}
        server = self.serve(**limits)
        before = holds(server.process.pid)
        half = socket.create_connection((server.host, server.port))
        half.sendall(
            b"POST /speech-to-text HTTP/1.1\r\nhost: x\r\ncontent-type: audio/wav\r\ncontent-length: 9999\r\n\r\nRIFF"
        )
        idle = server.connection()
        idle.request("GET", "/ready")
        self.assertEqual(idle.getresponse().read(), b'{"status":"ready"}')
        answers = []
        clients = [
            threading.Thread(target=lambda: answers.append(server.transcribe(CLIP.read_bytes()))) for _ in range(40)
        ]
        for thread in clients:
            thread.start()
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(6)
        server.process.send_signal(signal.SIGCONT)
        for thread in clients:
            thread.join(30)
        # Each has an answer: the text, or that it was too late or too much.
        self.assertEqual(len(answers), 40)
        self.assertLessEqual({status for status, _ in answers}, {200, 503, 504, 408})
        self.assertTrue(all(body == TEXT for status, body in answers if status == 200))
        # The body that was not complete is refused, and does not hold its place.
        half.settimeout(10)
        self.assertRegex(half.recv(4096), rb"^HTTP/1.1 (408|504) ")
        half.close()
        # As before: who comes now is answered, also on the old connection.
        self.assertEqual(server.transcribe(CLIP.read_bytes()), (200, TEXT))
        idle.request("GET", "/ready")
        self.assertEqual(idle.getresponse().read(), b'{"status":"ready"}')
        idle.close()
        time.sleep(1)
        metrics = server.metrics()
        # The one that asks.
        self.assertEqual((metrics["in_flight"], metrics["body_bytes"]), (1, 0))
        after = holds(server.process.pid)
        self.assertLessEqual(after[1], before[1] + 1)
        self.assertEqual(server.stop(), 0)

    def test_a_run(self) -> None:
        texts = self.recordings(300)
        output = self.folder / "texts"
        arguments = ("transcribe", "--lang", "hin", "--threads", "1", "--output", f"{output}/")
        process = start(*arguments, self.folder / "recordings")
        for _ in range(5):
            time.sleep(0.1)
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.5)
            process.send_signal(signal.SIGCONT)
        self.assertIsNone(process.poll(), "too fast")
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 0, errors)
        self.assert_results(output, texts, complete=True)
