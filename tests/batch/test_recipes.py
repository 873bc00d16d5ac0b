"""The recipes of examples/batch: short, valid, and their commands do what they say."""

import json
import subprocess
import sys
from pathlib import Path

from support import ROOT, Batches, rows, texts

sys.path.append(str(ROOT / "tests/deploy"))
from templates import template  # noqa: E402

RECIPES = ROOT / "examples/batch"
TOOLS = Path(sys.executable).parent


class Recipes(Batches):
    def test_they_are_short(self) -> None:
        recipes = list(RECIPES.glob("*.yaml"))
        self.assertEqual(len(recipes), 2)
        for recipe in recipes:
            self.assertLessEqual(len(recipe.read_text().splitlines()), 40, recipe)

    def test_they_are_valid(self) -> None:
        kubernetes, aws = RECIPES / "kubernetes-indexed-job.yaml", RECIPES / "aws-batch-array.yaml"
        checks = [[TOOLS / "kubernetes-validate", "--strict"], [TOOLS / "cfn-lint"]]
        wrong = [("backoffLimitPerIndex", "backoffLimitPerIndexx"), ("RetryStrategy", "RetryStrategi")]
        for check, recipe, (right, typo) in zip(checks, [kubernetes, aws], wrong):
            done = subprocess.run([*check, recipe], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            # The check knows fields.
            broken = self.folder / recipe.name
            broken.write_text(recipe.read_text().replace(right, typo))
            self.assertNotEqual(subprocess.run([*check, broken], capture_output=True).returncode, 0, recipe)

    def test_the_job_of_kubernetes_is_where_its_weights_are(self) -> None:
        job = template("../examples/batch/kubernetes-indexed-job.yaml")
        namespace = template("kubernetes-volume/kustomization.yaml")["namespace"]
        self.assertEqual(job["metadata"]["namespace"], namespace)
        self.assertIn(f"kubectl wait --namespace {namespace} ", (RECIPES / "kubernetes-indexed-job.yaml").read_text())

    def run_tasks(self, arguments: list[str], tasks: int, variables: dict[str, str]) -> None:
        """Runs all tasks as the engine would, on the demo model and in Hindi; `{}` stands for the number of a task."""
        self.put("may.jsonl", rows(2 * tasks + 1))
        for task in range(tasks):
            settings = {name: value.format(task) for name, value in variables.items()}
            code, errors = self.run_program(*arguments, "--lang", "hin", **settings)
            self.assertEqual(code, 0, errors)
        found = self.objects("texts/may/")
        summaries = [json.loads(found.pop(f"_summary/shard-{task}-of-{tasks}.json")) for task in range(tasks)]
        self.assertEqual(found, texts(2 * tasks + 1))
        self.assertEqual(sum(summary["transcribed"] for summary in summaries), 2 * tasks + 1)
        for name in self.objects("texts/may/"):
            self.s3.delete_object(Bucket="speech", Key=f"texts/may/{name}")

    def test_the_tasks_of_kubernetes(self) -> None:
        job = template("../examples/batch/kubernetes-indexed-job.yaml")["spec"]
        arguments = job["template"]["spec"]["containers"][0]["args"]
        self.run_tasks(arguments, job["completions"], {"JOB_COMPLETION_INDEX": "{}"})

    def test_the_tasks_of_aws_batch(self) -> None:
        job = template("../examples/batch/aws-batch-array.yaml")["Resources"]["Job"]["Properties"]
        values = {
            "/model": "demo",
            "Ref::manifest": "s3://speech/may.jsonl",
            "Ref::output": "s3://speech/texts/may/",
        }
        arguments = [values.get(argument, argument) for argument in job["ContainerProperties"]["Command"]]
        self.run_tasks(arguments, 3, {"AWS_BATCH_JOB_ARRAY_INDEX": "{}", "AWS_BATCH_JOB_ARRAY_SIZE": "3"})
        # What would fail again is not repeated, and all else is.
        exits = [rule["OnExitCode"] for rule in job["RetryStrategy"]["EvaluateOnExit"] if rule["Action"] == "EXIT"]
        self.assertEqual(exits, ["1", "2"])
