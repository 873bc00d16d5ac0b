"""The worker of a queue, and shards in S3, killed or stopped at any time."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from machine import ROOT, PowerCut, kill_at_random, needs_root, seed, small_disk

sys.path.append(str(ROOT / "tests/batch"))
from support import Batches, rows, texts  # noqa: E402

RECORDINGS = 120


class Queues(Batches):
    def setUp(self) -> None:
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1].replace("_", "-")
        self.queue = self.sqs.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
        seed(self)

    def send(self, count: int) -> None:
        for row in rows(count).splitlines():
            body = {**json.loads(row), "audio": f"s3://speech/{json.loads(row)['audio'].removeprefix('s3://speech/')}"}
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body))

    def worker(self, output: str, *more: str, **settings: str) -> subprocess.Popen[str]:
        arguments = ("--queue", self.queue, "--output", output, "--lang", "hin", "--visibility", "3")
        return self.start("worker", *arguments, "--recordings", "4", *more, **settings)

    def finish(self, output: str) -> str:
        """Works until the queue is empty, also of what is hidden after its worker has died."""
        time.sleep(3.5)
        worker = self.worker(output, "--until-empty")
        errors = worker.communicate(timeout=300)[1]
        self.assertEqual(worker.returncode, 0, errors)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        self.assertEqual([int(found[name]) for name in names], [0, 0])
        return errors

    def local(self, folder: Path) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("[!._]*")}

    def test_killed_workers_in_s3(self) -> None:
        self.send(RECORDINGS)
        output, wanted = f"{self.name}/", texts(RECORDINGS)
        killed = before = 0
        while killed < 12:
            self.assertTrue(kill_at_random(self.worker(f"s3://speech/{output}"), 1.5))
            killed += 1
            found = self.objects(output)
            self.assertEqual(found, {name: text for name, text in wanted.items() if name in found})
            self.assertGreaterEqual(len(found), before)
            before = len(found)
        self.finish(f"s3://speech/{output}")
        self.assertEqual(self.objects(output), wanted)
        print(f"worker in S3: {killed} killed, the last of which left {before} results")

    def test_killed_workers_with_a_folder(self) -> None:
        self.send(RECORDINGS)
        output, wanted, killed = self.folder / "texts", texts(RECORDINGS), 0
        copies = self.folder / "copies"
        copies.mkdir()
        for _ in range(6):
            # Two at a time, one of which is killed.
            workers = [self.worker(str(output), TMPDIR=str(copies)) for _ in range(2)]
            killed += kill_at_random(workers[0], 1.5)
            time.sleep(0.3)
            workers[1].terminate()
            errors = workers[1].communicate(timeout=60)[1]
            # 130 if it was asked to end before it had begun, as on a slow machine.
            self.assertIn(workers[1].returncode, (0, 130), errors)
            found = self.local(output)
            self.assertEqual(found, {name: text for name, text in wanted.items() if name in found})
        # A recording is nobody else's business: of killed workers there are only links that lead nowhere.
        self.assertEqual([copy for copy in copies.iterdir() if copy.exists()], [])
        self.finish(str(output))
        self.assertEqual(self.local(output), wanted)
        print(f"workers with a folder: {killed} killed")

    def test_killed_shards_in_s3(self) -> None:
        self.put("soak.jsonl", rows(RECORDINGS))
        output, wanted, killed, waiting = f"{self.name}/", texts(RECORDINGS), 0, [0, 1, 2]
        arguments = ("--lang", "hin", "--manifest", "s3://speech/soak.jsonl", "--output", f"s3://speech/{output}")
        while waiting:
            tasks = {shard: self.start("transcribe", *arguments, "--shard", f"{shard}/3") for shard in waiting}
            for shard, task in tasks.items():
                if kill_at_random(task, 1.5 * 1.05**killed):
                    killed += 1
                else:
                    self.assertEqual(task.returncode, 0)
                    waiting.remove(shard)
        found = self.objects(output)
        summaries = [json.loads(found.pop(f"_summary/shard-{shard}-of-3.json")) for shard in range(3)]
        self.assertEqual(found, wanted)
        done = [summary["transcribed"] + summary["skipped"] for summary in summaries]
        self.assertEqual(done, [summary["rows"] for summary in summaries])
        self.assertEqual(sum(done), RECORDINGS)
        print(f"shards in S3: {killed} killed")

    def test_a_worker_that_stands_still(self) -> None:
        """For longer than its messages are hidden: another does them, and it changes nothing when it goes on."""
        self.send(RECORDINGS)
        output = f"{self.name}/"
        still = self.worker(f"s3://speech/{output}", "--threads", "1")
        while not self.objects(output):
            time.sleep(0.02)
        still.send_signal(signal.SIGSTOP)
        self.finish(f"s3://speech/{output}")
        self.assertEqual(self.objects(output), texts(RECORDINGS))
        still.send_signal(signal.SIGCONT)
        time.sleep(2)
        still.terminate()
        errors = still.communicate(timeout=60)[1]
        self.assertEqual(still.returncode, 0, errors)
        self.assertEqual(self.objects(output), texts(RECORDINGS))

    @needs_root
    def test_power_that_fails(self) -> None:
        """What is deleted from the queue has its results on the disk."""
        self.send(20)
        disk = PowerCut(self.folder)
        self.addCleanup(disk.off)
        self.finish(str(disk.at / "texts"))
        disk.cut(journal_first=False)
        self.assertEqual(self.local(disk.at / "texts"), texts(20))

    @needs_root
    def test_no_space_for_copies(self) -> None:
        """Messages are left in the queue for a worker that has space."""
        self.send(20)
        output = f"{self.name}/"
        with small_disk(self.folder / "disk", "size=16k") as disk:
            worker = self.worker(f"s3://speech/{output}", "--until-empty", TMPDIR=str(disk))
            errors = worker.communicate(timeout=120)[1]
            self.assertEqual(worker.returncode, 75, errors)
            self.assertIn("No space left on device", errors)
            self.assertEqual(list(disk.iterdir()), [])
        found = self.objects(output)
        self.assertEqual([name for name in found if "error" in name], [])
        self.finish(f"s3://speech/{output}")
        self.assertEqual(self.objects(output), texts(20))
