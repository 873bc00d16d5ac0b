"""Disks that are full, may not be written to, or lose their power."""

import json
import os
import subprocess
import unittest
from pathlib import Path

from machine import CLIPS, TEXTS, Faults, PowerCut, digests, mounted, needs_root, run, small_disk


class FullDisks(Faults):
    """A full disk is an error that names the file. Nothing half is left, and a run with more space completes."""

    def fill(self, disk: Path, but: int = 0) -> Path:
        """Fills a disk, but for some bytes."""
        space = os.statvfs(disk)
        filler = disk / "filler"
        filler.write_bytes(bytes(space.f_bavail * space.f_bsize - but))
        return filler

    @needs_root
    def test_quantize(self) -> None:
        with small_disk(self.folder / "disk", "size=8m") as disk:
            filler = self.fill(disk, but=1 << 20)
            done = run("quantize", "--output", disk / "model")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"\d+ bytes free, wanted \d+")
            filler.unlink()
            self.succeeds(run("quantize", "--output", disk / "model"))
        # There is space, but not for so many files: it turns out in the middle.
        with small_disk(self.folder / "disk", "size=8m,nr_inodes=5") as disk:
            done = run("quantize", "--output", disk / "model")
            self.assertEqual(done.returncode, 1)
            self.assertIn("No space left on device", done.stderr)
            self.assertEqual(list(disk.iterdir()), [])

    @needs_root
    def test_transcribe(self) -> None:
        texts = self.recordings(20)
        with small_disk(self.folder / "disk", "size=1m,nr_inodes=12") as disk:
            arguments = ("transcribe", "--lang", "hin", "--output", f"{disk}/texts/", self.folder / "recordings")
            done = run(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn("No space left on device", done.stderr)
            there = self.assert_results(disk / "texts", texts, complete=False)
            self.assertGreater(there, 4)
            subprocess.run(["mount", "-o", "remount,nr_inodes=100", disk], check=True)
            done = self.succeeds(run(*arguments))
            self.assertIn(f"{there} skipped", done.stderr)
            self.assert_results(disk / "texts", texts, complete=True)

    @needs_root
    def test_shards(self) -> None:
        texts = self.recordings(20)
        manifest = self.folder / "all.csv"
        rows = [f"{path},{path.stem}\n" for path in sorted((self.folder / "recordings").iterdir())]
        manifest.write_text("audio,id\n" + "".join(rows))
        with small_disk(self.folder / "disk", "size=1m,nr_inodes=14") as disk:
            arguments = ("transcribe", "--lang", "hin", "--manifest", manifest, "--output", disk / "texts")
            done = run(*arguments)
            # Repeat it.
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertIn("No space left on device", done.stderr)
            self.assertGreater(self.assert_results(disk / "texts", texts, complete=False), 4)
            subprocess.run(["mount", "-o", "remount,nr_inodes=100", disk], check=True)
            self.succeeds(run(*arguments))
            self.assert_results(disk / "texts", texts, complete=True)
            summary = json.loads((disk / "texts/_summary/shard-0-of-1.json").read_text())
            self.assertEqual((summary["rows"], summary["failed"]), (20, 0))

    @needs_root
    def test_fetch(self) -> None:
        name, settings = self.hub()
        with small_disk(self.folder / "disk", "size=4m") as disk:
            settings["HF_HUB_CACHE"] = str(disk)
            filler = self.fill(disk, but=1 << 20)
            done = run("fetch", "--model", name, **settings)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"\d+ bytes free, wanted \d+")
            # It turns out in the middle.
            filler.unlink()
            subprocess.run(["mount", "-o", "remount,nr_inodes=14", disk], check=True)
            done = run("fetch", "--model", name, **settings)
            self.assertEqual(done.returncode, 1)
            self.assertIn("No space left on device", done.stderr)
            self.assertFalse(list(disk.glob("models--*/refs/*")))
            subprocess.run(["mount", "-o", "remount,nr_inodes=100", disk], check=True)
            folder = Path(self.succeeds(run("fetch", "--model", name, **settings)).stdout.strip())
            self.assert_model(folder)


class ReadOnlyFolders(Faults):
    """What cannot be written is an error that names the folder, found before the model is loaded where that is possible."""

    @needs_root
    def test_results_and_checkpoints(self) -> None:
        self.recordings(2)
        there = self.folder / "there"
        there.mkdir()
        manifest = self.folder / "all.csv"
        manifest.write_text(f"audio,id\n{CLIPS[0]},one\n")
        with mounted("--bind", there, at=self.folder / "mount") as disk:
            subprocess.run(["mount", "-o", "remount,ro,bind", disk], check=True)
            for arguments in (
                ("quantize", "--output", disk / "model"),
                ("transcribe", "--output", f"{disk}/texts/", self.folder / "recordings"),
                ("transcribe", "--output", f"{disk}/all.txt", self.folder / "recordings"),
                ("transcribe", "--manifest", manifest, "--output", disk),
            ):
                done = run(*arguments)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("Read-only file system", done.stderr)
                self.assertIn(str(disk), done.stderr)
        self.assertEqual(list(there.iterdir()), [])

    @needs_root
    def test_a_model_that_may_only_be_read(self) -> None:
        model = self.model()
        with mounted("--bind", model, at=self.folder / "mount") as disk:
            subprocess.run(["mount", "-o", "remount,ro,bind", disk], check=True)
            done = self.succeeds(run("transcribe", "--lang", "hin", "--model", disk, CLIPS[0]))
            self.assertEqual(done.stdout, f"{TEXTS[CLIPS[0].name]}\n")

    @needs_root
    def test_a_cache_that_may_only_be_read(self) -> None:
        name, settings = self.hub()
        with mounted("--bind", self.folder / "try", at=self.folder / "mount") as disk:
            subprocess.run(["mount", "-o", "remount,ro,bind", disk], check=True)
            settings["HF_HUB_CACHE"] = str(disk)
            self.assert_model(Path(self.succeeds(run("fetch", "--model", name, **settings)).stdout.strip()))
            done = run("fetch", "--model", "a/other", **settings)
            self.assertEqual(done.returncode, 1)
            self.assertIn("Read-only file system", done.stderr)


class PowerCuts(Faults):
    """What a program says is written outlasts the power, and what has its name is whole."""

    def disk(self) -> PowerCut:
        try:
            disk = PowerCut(self.folder)
        except (OSError, subprocess.CalledProcessError) as error:
            raise unittest.SkipTest(f"no disk of ext4 in a file: {error}") from error
        self.addCleanup(disk.off)
        return disk

    @needs_root
    def test_quantize(self) -> None:
        wanted, disk = digests(self.model()), self.disk()
        for number, journal_first in enumerate((False, True)):
            self.succeeds(run("quantize", "--output", disk.at / f"model-{number}"))
            disk.cut(journal_first)
            self.assertEqual(digests(disk.at / f"model-{number}"), wanted)

    @needs_root
    def test_results(self) -> None:
        texts, disk = self.recordings(10), self.disk()
        for number, journal_first in enumerate((False, True)):
            output = disk.at / f"texts-{number}"
            self.succeeds(run("transcribe", "--lang", "hin", "--output", f"{output}/", self.folder / "recordings"))
            disk.cut(journal_first)
            self.assert_results(output, texts, complete=True)

    @needs_root
    def test_fetch(self) -> None:
        (name, settings), disk = self.hub(), self.disk()
        for number, journal_first in enumerate((False, True)):
            cache = disk.at / f"cache-{number}"
            settings["HF_HUB_CACHE"] = str(cache)
            self.succeeds(run("fetch", "--model", name, **settings))
            disk.cut(journal_first)
            # No file has its name without its bytes, which the next run would mend.
            self.assertGreater(self.assert_blobs(cache / "models--a--b"), 0)
            # Links may be lost, which the next run makes again.
            done = self.succeeds(run("fetch", "--model", name, **settings))
            self.assert_model(Path(done.stdout.strip()))
