"""Manifests, recordings and results in S3, of an emulator that is not ours."""

import json
import signal
import subprocess
import time

from support import HINDI, NUMBERS, Batches, free_port, rows, texts

SUMMARY = "_summary/shard-0-of-1.json"


class Manifests(Batches):
    def transcribe(self, output: str, *more: str, manifest: str = "s3://speech/m.jsonl", **settings: str) -> tuple[int, str]:
        arguments = ("--lang", "hin", "--manifest", manifest, "--output", f"s3://speech/{output}", *more)
        return self.run_program("transcribe", *arguments, **settings)

    def test_all_in_s3_and_a_second_run_does_nothing(self) -> None:
        self.put("m.jsonl", rows(6))
        code, errors = self.transcribe("all/", "--format", "text,json")
        self.assertEqual(code, 0, errors)
        found = self.objects("all/")
        summary = json.loads(found.pop(SUMMARY))
        self.assertEqual((summary["rows"], summary["transcribed"], summary["failures"]), (6, 6, []))
        jsons = {name: json.loads(found.pop(name)) for name in list(found) if name.endswith(".json")}
        self.assertEqual(found, texts(6))
        self.assertEqual(jsons["001.hin.json"]["file"], "s3://speech/calls/b.flac")
        self.assertEqual(jsons["001.hin.json"]["id"], "001")
        kind = self.s3.head_object(Bucket="speech", Key="all/001.hin.json")["ContentType"]
        self.assertEqual(kind, "application/json")

        # Neither results nor the model are touched.
        self.put("all/000.hin.txt", "corrected")
        code, errors = self.transcribe("all/", "--format", "text,json", INDIC_SEAMLESS_MODEL="/no/such/model")
        self.assertEqual(code, 0, errors)
        self.assertIn("6 skipped", errors)
        self.assertEqual(self.objects("all/")["000.hin.txt"], "corrected")
        code, errors = self.transcribe("all/", "--overwrite")
        self.assertEqual((code, self.objects("all/")["000.hin.txt"]), (0, HINDI), errors)

    def test_the_results_of_all_shards_are_those_of_one_run(self) -> None:
        self.put("m.jsonl", rows(5))
        for index in range(2):
            code, errors = self.transcribe(
                "parts", "--shard", "auto", AWS_BATCH_JOB_ARRAY_INDEX=str(index), AWS_BATCH_JOB_ARRAY_SIZE="2"
            )
            self.assertEqual(code, 0, errors)
        found = self.objects("parts/")
        counts = [json.loads(found.pop(f"_summary/shard-{index}-of-2.json"))["transcribed"] for index in range(2)]
        self.assertEqual((counts, found), ([3, 2], texts(5)))

    def test_a_killed_run_is_finished_by_the_next(self) -> None:
        self.put("m.jsonl", rows(30))
        process = self.half_way("killed/", 30)
        process.kill()
        process.communicate()
        first = self.objects("killed/")
        self.assertLess(len(first), 30)
        # A result is whole, or is not there.
        self.assertLessEqual(first.items(), texts(30).items())
        written = {name: self.modified(f"killed/{name}") for name in first}
        code, errors = self.transcribe("killed/")
        self.assertEqual(code, 0, errors)
        found = self.objects("killed/")
        summary = json.loads(found.pop(SUMMARY))
        self.assertEqual(found, texts(30))
        self.assertEqual((summary["skipped"], summary["transcribed"]), (len(first), 30 - len(first)))
        self.assertEqual({name: self.modified(f"killed/{name}") for name in first}, written, "written once")

    def modified(self, key: str) -> object:
        return self.s3.head_object(Bucket="speech", Key=key)["LastModified"]

    def test_recordings_here_and_results_there_and_the_other_way_round(self) -> None:
        (self.folder / "m.csv").write_text("audio,id\ns3://speech/a.wav,one\n")
        code, errors = self.run_program("transcribe", "--lang", "hin", "--manifest", "m.csv", "--output", "here")
        self.assertEqual(code, 0, errors)
        self.assertEqual((self.folder / "here/one.hin.txt").read_text(), HINDI)
        self.s3.download_file("speech", "calls/b.flac", str(self.folder / "b.flac"))
        (self.folder / "m.csv").write_text("audio\nb.flac\n")
        code, errors = self.transcribe("there/", manifest="m.csv")
        self.assertEqual((code, self.objects("there/")["b.hin.txt"]), (0, NUMBERS), errors)

    def test_failures_for_good(self) -> None:
        self.put("bad.wav", "these are notes")
        names = ["bad.wav", "missing.wav", "a.wav"]
        self.put("mixed.jsonl", "".join(json.dumps({"audio": name}) + "\n" for name in names))
        code, errors = self.transcribe("mixed/", manifest="s3://speech/mixed.jsonl")
        self.assertEqual(code, 1, errors)
        found = self.objects("mixed/")
        failures = json.loads(found.pop(SUMMARY))["failures"]
        self.assertEqual(found, {"a.hin.txt": HINDI})
        self.assertEqual([failure["audio"] for failure in failures], ["s3://speech/bad.wav", "s3://speech/missing.wav"])
        self.assertEqual([failure["retry"] for failure in failures], [False, False])
        # By its own name, not by that of a copy.
        self.assertTrue(failures[0]["error"].startswith("s3://speech/bad.wav: unsupported audio"), failures)
        self.assertNotIn("/tmp", failures[0]["error"])

    def test_a_store_out_of_reach_is_found_before_the_model(self) -> None:
        self.put("m.jsonl", rows(2))
        nowhere = f"http://127.0.0.1:{free_port()}"
        started = time.monotonic()
        no_model = {"INDIC_SEAMLESS_MODEL": "/no/such/model"}
        code, errors = self.transcribe("x/", endpoint=nowhere, **no_model)
        self.assertEqual(code, 75, errors)
        self.assertIn("s3://speech/m.jsonl", errors)
        (self.folder / "m.csv").write_text("audio,id\ns3://speech/a.wav,one\n")
        code, errors = self.transcribe("x/", manifest="m.csv", endpoint=nowhere, **no_model)
        self.assertEqual(code, 75, errors)
        code, errors = self.run_program("transcribe", "--manifest", "m.csv", "--output", "here", endpoint=nowhere, **no_model)
        self.assertEqual(code, 75, errors)
        self.assertLess(time.monotonic() - started, 60)
        # What will not be there later either.
        code, errors = self.transcribe("x/", manifest="s3://speech/no.jsonl", **no_model)
        self.assertEqual(code, 2, errors)
        arguments = ("--manifest", "s3://speech/m.jsonl", "--output", "s3://no-such-bucket/x/")
        code, errors = self.run_program("transcribe", *arguments, **no_model)
        self.assertEqual(code, 1, errors)
        self.assertIn("s3://no-such-bucket/x/", errors)

    def test_no_folder_for_copies_is_found_before_the_model(self) -> None:
        self.put("m.jsonl", rows(2))
        no_folder = {"TMPDIR": "/no/such/folder", "INDIC_SEAMLESS_MODEL": "/no/such/model"}
        code, errors = self.transcribe("no-folder/", **no_folder)
        self.assertEqual(code, 75, errors)
        self.assertIn("no file in the folder for temporary files, /no/such/folder", errors)
        self.assertEqual(self.objects("no-folder/"), {})

    def test_a_wrong_manifest_is_refused(self) -> None:
        self.put("half.jsonl", rows(3)[:-9])
        code, errors = self.transcribe("x/", manifest="s3://speech/half.jsonl", INDIC_SEAMLESS_MODEL="/no/such/model")
        self.assertEqual(code, 2, errors)
        self.assertIn("manifest s3://speech/half.jsonl: line 3: a JSON object without an end found", errors)

    def test_a_store_that_is_out_of_reach_for_a_moment(self) -> None:
        self.put("m.jsonl", rows(60))
        process = self.half_way("moment/", 60)
        self.emulator.send_signal(signal.SIGSTOP)
        time.sleep(2)
        self.emulator.send_signal(signal.SIGCONT)
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, 0, errors)
        found = self.objects("moment/")
        found.pop(SUMMARY)
        self.assertEqual(found, texts(60))

    def half_way(self, output: str, count: int) -> subprocess.Popen[str]:
        """A run that has written some of its results."""
        arguments = ("--lang", "hin", "--manifest", "s3://speech/m.jsonl", "--output", f"s3://speech/{output}")
        process = self.start("transcribe", *arguments, "--recordings", "2")
        while "003.hin.txt" not in (found := self.objects(output)):
            self.assertIsNone(process.poll(), "ended without a result")
            time.sleep(0.02)
        self.assertLess(len(found), count)
        return process

    def test_a_store_that_is_gone_leaves_the_rest_to_another_run(self) -> None:
        self.put("m.jsonl", rows(400))
        process = self.half_way("gone/", 400)
        self.tearDownClass()
        try:
            errors = process.communicate(timeout=200)[1]
            self.assertEqual(process.returncode, 75, errors)
            self.assertIn("10 failures in a row: the rest is left to another run", errors)
        finally:
            self.setUpClass()
