"""`indic-seamless worker` on a queue and a bucket of an emulator that is not ours."""

import json
import shutil
import signal
import subprocess
import time

from support import AUDIO, HINDI, NUMBERS, Batches, Json, forbidding, free_port, texts

NOTIFICATION = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "speech"}, "object": {"key": "recordings/hin/a+b.wav"}},
        }
    ]
}


class Workers(Batches):
    def setUp(self) -> None:
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.queue = self.sqs.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
        self.output = f"{self.name}/"

    def send(self, *bodies: Json | str) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=text)

    def arguments(self, *more: str) -> tuple[str, ...]:
        return ("worker", "--queue", self.queue, "--output", f"s3://speech/{self.output}", "--lang", "hin", *more)

    def work(self, *more: str, **settings: str) -> tuple[int, str]:
        return self.run_program(*self.arguments("--until-empty", *more), **settings)

    def waiting(self) -> tuple[int, int]:
        """How many messages wait, and how many are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def until(self, done: object, process: subprocess.Popen[str], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            self.assertIsNone(process.poll(), "the worker ended")
            self.assertLess(time.monotonic(), end, "not in time")
            time.sleep(0.05)

    def test_rows_and_notifications_until_empty(self) -> None:
        self.put("recordings/hin/a b.wav", (AUDIO / "hindi-1.wav").read_bytes())
        self.send(
            {"audio": "s3://speech/a.wav", "id": "one", "lang": "hin"},
            {"audio": "s3://speech/a.wav", "id": "one", "lang": "Tamil"},
            NOTIFICATION,
            {"bucket": "speech", "key": "calls/b.flac", "target_lang": "hi"},
            {"Event": "s3:TestEvent", "Bucket": "speech"},
        )
        code, errors = self.work()
        self.assertEqual(code, 0, errors)
        wanted = {
            "one.hin.txt": HINDI,
            "one.tam.txt": "தயவுசெய்து இன்றைய வானிலை\n",
            "speech/recordings/hin/a b.wav.hin.txt": HINDI,
            "speech/calls/b.flac.hin.txt": NUMBERS,
        }
        self.assertEqual(self.objects(self.output), wanted)
        self.assertEqual(self.waiting(), (0, 0))
        # A message that comes twice changes nothing.
        self.put(f"{self.output}one.hin.txt", "corrected")
        self.send({"audio": "s3://speech/a.wav", "id": "one", "lang": "hin"})
        code, errors = self.work()
        self.assertEqual((code, self.objects(self.output)["one.hin.txt"]), (0, "corrected"), errors)
        self.assertIn("1 skipped", errors)

    def test_failures_for_good_are_results_and_what_cannot_be_read_is_left(self) -> None:
        self.put("bad.wav", "these are notes")
        self.send({"audio": "s3://speech/bad.wav", "id": "bad"}, {"audio": "s3://speech/gone.wav"}, "hello")
        self.send({"audio": "s3://speech/a.wav", "id": "good"})
        code, errors = self.work()
        self.assertEqual(code, 75, errors)
        found = self.objects(self.output)
        self.assertEqual(sorted(found), ["bad.hin.error.json", "good.hin.txt", "speech/gone.wav.hin.error.json"])
        error = json.loads(found["bad.hin.error.json"])
        self.assertEqual((error["id"], error["audio"]), ("bad", "s3://speech/bad.wav"))
        self.assertIn("unsupported audio", error["error"])
        # For the dead-letter queue, if there is one.
        self.assertEqual(self.waiting(), (0, 1))

    def test_recordings_that_may_not_be_read_end_the_worker_and_their_messages_stay(self) -> None:
        for number in range(12):
            self.put(f"forbidden/{number}.wav", (AUDIO / "hindi-1.wav").read_bytes())
            self.send({"audio": f"s3://speech/forbidden/{number}.wav"})
        # For ever, but for the rights.
        with forbidding(self.endpoint, "/speech/forbidden/") as endpoint:
            code, errors = self.run_program(*self.arguments(), AWS_ENDPOINT_URL_S3=endpoint)
        self.assertEqual(code, 1, errors)
        self.assertRegex(errors, r"s3://speech/forbidden/\d+.wav: .*403")
        self.assertEqual((self.objects(self.output), sum(self.waiting())), ({}, 12))

    def test_one_recording_that_may_not_be_read_does_not_end_the_worker_however_often_it_comes(self) -> None:
        self.put("forbidden/0.wav", (AUDIO / "hindi-1.wav").read_bytes())
        self.send(*({"audio": "s3://speech/forbidden/0.wav", "id": f"{number:03}"} for number in range(12)))
        with forbidding(self.endpoint, "/speech/forbidden/") as endpoint:
            # One at a time: the worker knows of each before it takes the next one.
            arguments = self.arguments("--recordings", "1", "--visibility", "600")
            process = self.start(*arguments, AWS_ENDPOINT_URL_S3=endpoint)
            self.until(lambda: self.waiting() == (0, 12), process)
            self.send({"audio": "s3://speech/a.wav", "id": "good"})
            self.until(lambda: "good.hin.txt" in self.objects(self.output), process)
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 0, errors)
        self.assertEqual(self.objects(self.output), {"good.hin.txt": HINDI})

    def test_without_a_folder_for_copies_a_worker_does_not_begin(self) -> None:
        self.send(*({"audio": "s3://speech/a.wav", "id": f"{number:03}"} for number in range(3)))
        no_folder = {"TMPDIR": "/no/such/folder", "INDIC_SEAMLESS_MODEL": "/no/such/model"}
        code, errors = self.work(**no_folder)
        self.assertEqual(code, 75, errors)
        self.assertIn("no file in the folder for temporary files, /no/such/folder", errors)
        self.assertEqual((self.objects(self.output), self.waiting()), ({}, (3, 0)))

    def test_a_model_that_is_written_to_leaves_the_messages_for_another_worker(self) -> None:
        model = self.folder / "model"
        code, errors = self.run_program("quantize", "--output", str(model))
        self.assertEqual(code, 0, errors)
        process = self.start(*self.arguments("--recordings", "1", "--visibility", "3"), INDIC_SEAMLESS_MODEL=str(model))
        self.send({"audio": "s3://speech/a.wav", "id": "first"})
        self.until(lambda: "first.hin.txt" in self.objects(self.output), process)
        with (model / "model.safetensors").open("ab") as weights:
            weights.write(b"x")
        for number in range(12):
            self.send({"audio": "s3://speech/a.wav", "id": f"{number:03}"})
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 75, errors)
        self.assertEqual((self.objects(self.output), sum(self.waiting())), ({"first.hin.txt": HINDI}, 12))

    def test_messages_of_a_killed_worker_come_again(self) -> None:
        for number in range(40):
            audio = ["a.wav", "calls/b.flac"][number % 2]
            self.send({"audio": f"s3://speech/{audio}", "id": f"{number:03}"})
        process = self.start(*self.arguments("--visibility", "3", "--recordings", "4"))
        self.until(lambda: len(self.objects(self.output)) >= 4, process)
        process.kill()
        process.communicate()
        self.assertLess(len(self.objects(self.output)), 40)
        time.sleep(3)
        code, errors = self.work()
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.objects(self.output), texts(40))
        self.assertEqual(self.waiting(), (0, 0))

    def long(self, repeats: int) -> str:
        """A recording of 1.2 s of speech for each repeat."""
        self.assertIsNotNone(shutil.which("ffmpeg"), "ffmpeg is missing")
        path = self.folder / "long.wav"
        clip = AUDIO / "hindi-1.wav"
        command = ["ffmpeg", "-loglevel", "error", "-stream_loop", str(repeats), "-i", clip, "-c", "copy", path]
        subprocess.run(command, check=True)
        self.s3.upload_file(str(path), "speech", "long.wav")
        return "s3://speech/long.wav"

    def test_a_message_stays_hidden_while_it_is_worked_on(self) -> None:
        self.send({"audio": self.long(repeats=2000), "id": "long"})
        process = self.start(*self.arguments("--visibility", "3", "--until-empty"))
        self.until(lambda: self.waiting() == (0, 1), process)
        began, seen = time.monotonic(), 0
        while process.poll() is None and time.monotonic() < began + 240:
            seen += self.waiting()[0]
            time.sleep(0.1)
        errors = process.communicate()[1]
        self.assertEqual((process.returncode, seen), (0, 0), errors)
        self.assertGreater(time.monotonic() - began, 6, "too short to tell")
        self.assertEqual(self.waiting(), (0, 0))
        self.assertIn("1 transcribed, 0 skipped", errors)

    def test_sigterm_finishes_what_is_short_and_gives_back_the_rest(self) -> None:
        process = self.start(*self.arguments("--visibility", "600", "--threads", "1"))
        self.send({"audio": "s3://speech/a.wav", "id": "short"})
        self.until(lambda: "short.hin.txt" in self.objects(self.output), process)
        # More work than is finished in the 20 s that a worker has left: a minute and a half of one core.
        self.send({"audio": self.long(repeats=7000), "id": "long", "num_beams": 16})
        self.until(lambda: self.waiting() == (0, 1), process)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        errors = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 0, errors)
        self.assertLess(time.monotonic() - began, 30)
        # At once, and not after ten minutes.
        self.assertEqual(self.waiting(), (1, 0))
        self.assertIn("1 messages left in the queue", errors)
        self.assertEqual(self.objects(self.output), {"short.hin.txt": HINDI})

    def test_a_worker_that_ends_before_its_queue_is_empty_asks_for_another_run(self) -> None:
        for number in range(40):
            self.send({"audio": "s3://speech/a.wav", "id": f"{number:03}"})
        process = self.start(*self.arguments("--until-empty", "--recordings", "1"))
        self.until(lambda: self.objects(self.output), process)
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 75, errors)
        self.assertEqual(self.waiting(), (40 - len(self.objects(self.output)), 0))

    def test_a_queue_out_of_reach_is_found_before_the_model(self) -> None:
        no_model = {"INDIC_SEAMLESS_MODEL": "/no/such/model"}
        code, errors = self.work(endpoint=f"http://127.0.0.1:{free_port()}", **no_model)
        self.assertEqual(code, 75, errors)
        self.queue += "-missing"
        code, errors = self.work(**no_model)
        self.assertEqual(code, 1, errors)
        self.assertIn("QueueDoesNotExist", errors)
        self.queue = "recordings"
        self.assertEqual(self.work(**no_model)[0], 2)
