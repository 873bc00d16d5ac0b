"""Files that change or vanish while they are in use."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from machine import CLIPS, TEXTS, Faults, Server, holds, run, start, until

CLIP = CLIPS[0]
TEXT = TEXTS[CLIP.name]


class Models(Faults):
    def under_load(self, server: Server, change: Callable[[], object]) -> Counter[int]:
        """The statuses of the answers of six clients before and after a change of the model's files."""
        statuses: Counter[int] = Counter()
        end = threading.Event()

        def client() -> None:
            while not end.is_set():
                status, body = server.transcribe(CLIP.read_bytes())
                statuses[status] += 1
                # Nothing wrong is given away.
                if status == 200 and body.decode() != TEXT:
                    statuses[-1] += 1

        clients = [threading.Thread(target=client) for _ in range(6)]
        for thread in clients:
            thread.start()
        until(lambda: sum(statuses.values()) >= 12)
        change()
        changed = sum(statuses.values())
        until(lambda: sum(statuses.values()) >= changed + 24)
        end.set()
        for thread in clients:
            thread.join()
        return statuses

    def test_a_model_that_is_cut_short_or_written_to(self) -> None:
        other = self.model()
        weights = self.folder / "mine/model.safetensors"

        def replaced() -> None:
            shutil.copyfile(other / weights.name, weights)

        def overwritten() -> None:
            with weights.open("r+b") as file:
                file.seek(1_000_000)
                file.write(bytes(1000))

        for number in range(15):
            shutil.copytree(other, weights.parent)
            server = self.serve(weights.parent)
            change = (lambda: subprocess.run(["truncate", "-s", "1000", weights], check=True), replaced, overwritten)
            statuses = self.under_load(server, change[number % 3])
            self.assertIsNone(server.process.poll(), "the service has died")
            self.assertGreater(statuses[200], 0)
            # Some were under way, and the others are told to ask elsewhere.
            self.assertEqual(set(statuses), {200, 500, 503} & set(statuses))
            self.assertGreater(statuses[503], 0)
            self.assertEqual(server.ask("GET", "/ready")[0], 503)
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            self.assertEqual(server.stop(), 0)
            shutil.rmtree(weights.parent)

    def test_a_model_that_is_replaced_by_renaming_or_removed(self) -> None:
        model = self.model()
        for change in (lambda: shutil.rmtree(model), lambda: model.rename(self.folder / "away")):
            if not model.exists():
                self.model()
            server = self.serve(model)
            self.assertEqual(set(self.under_load(server, change)), {200})
            self.assertEqual(server.ask("GET", "/ready")[0], 200)
            self.assertEqual(server.stop(), 0)

    def test_sigbus_from_elsewhere_still_ends_the_program(self) -> None:
        server = self.serve(self.model())

        def has_ended() -> bool:
            # The handler of Rust's library only restores the default for the next one.
            server.process.send_signal(signal.SIGBUS)
            return server.process.poll() is not None

        until(has_ended)
        self.assertEqual(server.process.returncode, -signal.SIGBUS)


class TooManyFiles(Faults):
    def test_silent_connections_make_room(self) -> None:
        """Where the limit of open files is reached before that of connections."""
        server = self.serve(command=("prlimit", "--nofile=40"))
        files = holds(server.process.pid)[1]
        silent = [socket.create_connection((server.host, server.port)) for _ in range(100)]
        until(lambda: holds(server.process.pid)[1] >= 39)
        for _ in range(3):
            began = time.monotonic()
            self.assertEqual(server.transcribe(CLIP.read_bytes()), (200, TEXT.encode()))
            self.assertLess(time.monotonic() - began, 5)
        for connection in silent:
            connection.close()
        until(lambda: holds(server.process.pid)[1] <= files + 1)
        self.assertEqual(server.stop(), 0)


class Recordings(Faults):
    def long(self, name: str) -> Path:
        """An hour of a clip again and again, with pauses of a second."""
        path = self.folder / name
        speech = CLIP.read_bytes()[44:] + bytes(32_000)
        count = 3600 * 32_000 // len(speech)
        size = count * len(speech)
        head = b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
        head += b"\1\0\1\0" + (16_000).to_bytes(4, "little") + (32_000).to_bytes(4, "little") + b"\2\0\x10\0data"
        with path.open("wb") as file:
            file.write(head + size.to_bytes(4, "little"))
            for _ in range(count):
                file.write(speech)
        return path

    def test_a_recording_that_is_cut_short_while_it_is_read(self) -> None:
        long, other = self.long("long.wav"), self.folder / f"other{CLIP.suffix}"
        shutil.copyfile(CLIP, other)
        output = self.folder / "texts"
        process = start("transcribe", "--lang", "hin", "--output", f"{output}/", long, other)
        time.sleep(0.7)
        self.assertIsNone(process.poll(), "too fast")
        with long.open("r+b") as file:
            file.truncate(1_000_000)
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 0, errors)
        self.assertRegex(errors, r"warning: \S*long.wav: damaged at .*")
        self.assertEqual((output / "other.hin.txt").read_text(encoding="utf-8"), f"{TEXT}\n")
        # Half a minute is left, or more if that had been read.
        text = (output / "long.hin.txt").read_text(encoding="utf-8")
        self.assertTrue(text.startswith(" ".join([TEXT] * 5)), text[:1000])

    def test_recordings_that_vanish_before_their_turn(self) -> None:
        texts = self.recordings(200)
        output, recordings = self.folder / "texts", self.folder / "recordings"
        arguments = ("transcribe", "--lang", "hin", "--output", f"{output}/")
        process = start(*arguments, "--threads", "1", "--recordings", "1", recordings)
        while not output.exists() or not list(output.glob("*.txt")):
            time.sleep(0.005)
        gone = sorted(recordings.iterdir())[100:]
        for path in gone:
            path.unlink()
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 1, errors)
        self.assertIn("No such file", errors)
        there = self.assert_results(output, texts, complete=False)
        self.assertTrue(100 <= there < 200, there)
        self.succeeds(run(*arguments, recordings))
