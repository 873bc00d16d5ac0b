"""SIGKILL at any time: nothing is lost, nothing is done twice, nothing has its name before it is whole, and a rerun completes."""

import json
import subprocess
from pathlib import Path

from machine import Faults, digests, duration_of, kill_at_random, run, seed, start


class Kills(Faults):
    def setUp(self) -> None:
        super().setUp()
        seed(self)

    def test_quantize(self) -> None:
        wanted = digests(self.model())
        output = self.folder / "new"
        last = duration_of(lambda: run("quantize", "--output", self.folder / "another"))
        killed = finished = 0
        for _ in range(60):
            killed += kill_at_random(start("quantize", "--output", output), 1.2 * last)
            if output.exists():
                self.assertEqual(digests(output), wanted)
                output.rename(self.folder / f"finished-{finished}")
                finished += 1
            # Each run removes what the one before left.
            self.assertLessEqual(len(list(self.folder.glob(".new.partial-*"))), 1)
        self.assertGreater(killed, 20)
        self.succeeds(run("quantize", "--output", output))
        self.assertEqual(digests(output), wanted)
        self.assertEqual(list(self.folder.glob(".*")), [])
        print(f"quantize: {killed} killed, {finished} finished")

    def test_fetch(self) -> None:
        (name, settings), cache = self.hub(), self.folder / "cache"
        settings["HF_HUB_CACHE"] = str(cache)
        arguments = ("fetch", "--model", name)
        last = duration_of(lambda: run(*arguments, **{**settings, "HF_HUB_CACHE": str(self.folder / "other")}))
        model = cache / "models--a--b"
        killed = resumed = 0
        for number in range(60):
            # Half of the time the transfers break off, so that it is killed while it waits to resume them.
            cut = self.folder / "hub.cut"
            cut.touch() if number % 2 else cut.unlink(missing_ok=True)
            killed += kill_at_random(start(*arguments, **settings), 1.5 * last + 0.3 * (number % 2))
            self.assert_blobs(model)
            links = list(model.glob("snapshots/*/*"))
            self.assertTrue(all(link.exists() for link in links), links)
            if (model / "refs/main").exists():
                # It is complete.
                self.succeeds(run(*arguments, HF_HUB_OFFLINE="1", **settings))
                subprocess.run(["rm", "-r", cache], check=True)
        self.assertGreater(killed, 20)
        cut.unlink(missing_ok=True)
        folder = Path(self.succeeds(run(*arguments, **settings)).stdout.strip())
        self.assert_model(folder)
        self.assertEqual([blob for blob in model.glob("blobs/*") if "." in blob.name], [])
        resumed = (self.folder / "hub").read_text().count("bytes=")
        self.assertGreater(resumed, 0)
        print(f"fetch: {killed} killed, {resumed} transfers resumed")

    def finish(self, arguments: tuple[object, ...], output: Path, texts: dict[str, str]) -> tuple[int, int]:
        """Kills runs until one finishes. Returns how many were killed, and how many results the last of these left."""
        killed = before = 0
        # Longer and longer, so that it ends on any machine.
        while kill_at_random(start(*arguments), 1.5 * 1.05**killed):
            killed += 1
            there = self.assert_results(output, texts, complete=False) if output.exists() else 0
            # Nothing is lost again.
            self.assertGreaterEqual(there, before)
            before = there
        done = self.succeeds(run(*arguments))
        self.assertIn("0 transcribed", done.stderr)
        self.assertGreater(killed, 3)
        return killed, before

    def test_transcribe_to_a_folder(self) -> None:
        texts, output = self.recordings(400), self.folder / "texts"
        arguments = ("transcribe", "--lang", "hin", "--output", f"{output}/", self.folder / "recordings")
        killed, there = self.finish((*arguments, "--threads", "1"), output, texts)
        self.assert_results(output, texts, complete=True)
        print(f"transcribe --output: {killed} killed, the last of which left {there} results")

    def test_transcribe_to_a_file(self) -> None:
        texts, output = self.recordings(200), self.folder / "all.txt"
        arguments = ("transcribe", "--lang", "hin", "--overwrite", "--output", output, self.folder / "recordings")
        last = duration_of(lambda: run(*arguments))
        wanted = output.read_text(encoding="utf-8")
        self.assertEqual(wanted.count("\n"), len(texts))
        output.write_text("as it was")
        killed = 0
        for _ in range(25):
            killed += kill_at_random(start(*arguments), 1.1 * last)
            self.assertIn(output.read_text(encoding="utf-8"), ("as it was", wanted))
        self.assertGreater(killed, 10)
        print(f"transcribe --output FILE: {killed} killed")

    def test_shards(self) -> None:
        texts, output = self.recordings(300), self.folder / "texts"
        names = sorted((self.folder / "recordings").iterdir())
        rows = [json.dumps({"audio": str(path), "id": path.stem, "lang": "hin"}) + "\n" for path in names]
        manifest = self.folder / "all.jsonl"
        manifest.write_text("".join(rows))
        arguments = ("transcribe", "--lang", "hin", "--threads", "1", "--manifest", manifest, "--output", output)
        waiting, killed = [0, 1, 2], 0
        while waiting:
            tasks = {shard: start(*arguments, "--shard", f"{shard}/3") for shard in waiting}
            for shard, task in tasks.items():
                # Longer and longer, so that it ends on any machine.
                if kill_at_random(task, 1.0 * 1.05**killed):
                    killed += 1
                else:
                    self.assertEqual(task.returncode, 0)
                    waiting.remove(shard)
            if output.exists():
                self.assert_results(output, texts, complete=False)
        self.assert_results(output, texts, complete=True)
        self.assertGreater(killed, 3)
        summaries = [json.loads(path.read_text()) for path in sorted((output / "_summary").glob("shard-*"))]
        self.assertEqual([summary["rows"] for summary in summaries], [100] * 3)
        self.assertEqual([summary["transcribed"] + summary["skipped"] for summary in summaries], [100] * 3)
        print(f"--shard: {killed} killed")
