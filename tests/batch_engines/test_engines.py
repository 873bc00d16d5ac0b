"""Ray and Spark transcribe a thousand clips with `examples/batch`: the texts are the program's, and a worker that is killed in the
middle loses and doubles nothing. Needs the wheel, what `requirements.txt` names, Java, and the program."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = os.environ.get("INDIC_SEAMLESS_PROGRAM", ROOT / "target/release/indic-seamless")
RECIPES = ROOT / "examples" / "batch"
LANGUAGES = ("ben", "eng", "hin", "tam", "tel")
CLIPS = 1000
TIMEOUT_S = 900


def setUpModule():
    """A thousand names of the ten clips, and what the program writes for each in the language that the manifest asks for."""
    global folder, manifest, wanted
    folder = Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    audio = sorted(path for path in (ROOT / "examples/audio").iterdir() if path.suffix != ".json")
    texts = {}
    for language in LANGUAGES:
        command = [PROGRAM, "transcribe", "--model", "demo", "--lang", language, "--format", "json", *audio]
        lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
        texts |= {(path, language): json.loads(line)["text"] for path, line in zip(audio, lines, strict=True)}
    manifest, wanted = folder / "clips.jsonl", {}
    with manifest.open("w") as file:
        for number in range(CLIPS):
            path, language = audio[number % len(audio)], LANGUAGES[number // len(audio) % len(LANGUAGES)]
            clip = folder / f"{number:04}{path.suffix}"
            clip.symlink_to(path)
            file.write(json.dumps({"id": f"clip-{number}", "audio": str(clip), "lang": language}) + "\n")
            wanted[f"clip-{number}"] = texts[path, language]
        # It is refused, and not left out.
        file.write(json.dumps({"id": "no-language", "audio": str(clip)}) + "\n")
        wanted["no-language"] = ""


def descendants(parent):
    """The processes below one, with their command lines."""
    parents, found = {}, {}
    for folder in Path("/proc").iterdir():
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (ValueError, OSError):
            continue
    below = {parent}
    while more := {child for child, of in parents.items() if of in below} - below:
        below |= more
    for process in below - {parent}:
        try:
            found[process] = (Path("/proc") / str(process) / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


class Engine:
    """What both engines must do; `start`, `workers`, `some_is_written` and `death` differ."""

    def result(self, out):
        return [json.loads(line) for file in sorted(out.glob("*.json")) for line in file.read_text().splitlines()]

    def check(self, out):
        rows = self.result(out)
        self.assertEqual(len(rows), CLIPS + 1)
        self.assertEqual({row["id"]: row["text"] for row in rows}, wanted)
        self.assertEqual([row["id"] for row in rows if row.get("error")], ["no-language"])

    def finish(self, process):
        self.assertEqual(process.wait(TIMEOUT_S), 0, self.log.read_text()[-4000:])

    def run_recipe(self, name, out):
        self.log = folder / f"{name}.log"
        process = self.start(out, self.log.open("w"))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def test_texts_are_those_of_the_program(self):
        out = folder / f"{type(self).__name__}-whole"
        self.finish(self.run_recipe("whole", out))
        self.check(out)
        # A second run does not add to the results of the first.
        self.assertNotEqual(self.run_recipe("again", out).wait(TIMEOUT_S), 0)
        self.check(out)

    def test_a_killed_worker_loses_and_doubles_nothing(self):
        out = folder / f"{type(self).__name__}-killed"
        process = self.run_recipe("killed", out)
        killed, until = None, time.monotonic() + TIMEOUT_S
        while killed is None:
            self.assertIsNone(process.poll(), "it was over before a worker could be killed: " + self.log.read_text()[-4000:])
            self.assertLess(time.monotonic(), until)
            if self.some_is_written(out):
                # The last one that was started has most of its work before it.
                killed = max(self.workers(process), default=None)
            time.sleep(0.02)
        os.kill(killed, signal.SIGKILL)
        self.assertLess(len(self.result(out)), CLIPS)
        self.finish(process)
        # It was at work.
        self.assertIn(self.death, self.log.read_text())
        self.check(out)


class Ray(Engine, unittest.TestCase):
    """A local cluster of two nodes."""

    death = "A worker died or was killed while executing a task"

    def setUp(self):
        # Neither a token in the user's home nor a report to its makers.
        os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.addCleanup(self.cluster.shutdown)
        for _ in range(2):
            self.cluster.add_node(num_cpus=2, object_store_memory=200_000_000)

    def start(self, out, log):
        command = [sys.executable, RECIPES / "ray_data.py", manifest, out, "demo"]
        environment = os.environ | {"RAY_ADDRESS": self.cluster.address}
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def workers(self, process):
        return [one for one, line in descendants(os.getpid()).items() if "MapWorker(MapBatches(Transcribe))" in line]

    def some_is_written(self, out):
        return any(out.glob("*.json"))


class Spark(Engine, unittest.TestCase):
    """Two tasks at a time on this machine; a task may fail four times, as on a cluster."""

    death = "Python worker exited unexpectedly"

    def start(self, out, log):
        command = [
            Path(sys.executable).with_name("spark-submit"),
            "--master",
            "local[2,4]",
            RECIPES / "spark.py",
            manifest,
            out,
            "demo",
        ]
        environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_DIRS": str(folder)}
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def workers(self, process):
        found = descendants(process.pid)
        daemons = [one for one, line in found.items() if "pyspark.daemon" in line]
        return [one for one in daemons if any(one in descendants(other) for other in daemons if other != one)]

    def some_is_written(self, out):
        return any(out.glob("_temporary/**/part-*.json"))


if __name__ == "__main__":
    unittest.main()
