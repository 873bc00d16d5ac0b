"""One table of settings: that of the program, of the documentation, and of every deployment."""

import re
import unittest

import yaml
from templates import ROOT, leaves, template

TABLE = [
    line.split("\t")
    for line in (ROOT / "deploy/settings.tsv").read_text().splitlines()
    if line and not line.startswith("#")
]


def in_program() -> set[str]:
    """The environment variables that the service reads."""
    files = [ROOT / "indic-seamless/src/service/settings.rs", *(ROOT / "indic-seamless-lambda/src").rglob("*.rs")]
    code = "".join(file.read_text() for file in files if "tests" not in file.parts)
    return set(re.findall(r'"(INDIC_SEAMLESS_[A-Z_]+|LOG_LEVEL)"', code))


def environments() -> dict[str, dict[str, object]]:
    """The variables that each deployment sets, in the order of the table's columns."""
    stack, ecs = template("stack.yaml")["Resources"], template("ecs.yaml")["Resources"]
    task = ecs["Task"]["Properties"]["ContainerDefinitions"][0]["Environment"]
    pod = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text())["spec"]["template"]["spec"]
    return {
        "requests": stack["Function"]["Properties"]["Environment"]["Variables"],
        "recordings": stack["BatchFunction"]["Properties"]["Environment"]["Variables"],
        "ecs": {variable["Name"]: variable["Value"] for variable in task},
        "kubernetes": {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]},
    }


class Settings(unittest.TestCase):
    def test_the_table_has_the_settings_of_the_program_and_of_the_documentation(self) -> None:
        names = [row[0] for row in TABLE]
        self.assertEqual(sorted(in_program()), names)
        documented = (ROOT / "docs/service.md").read_text()
        self.assertEqual([name for name in names if f"`{name}`" not in documented], [])

    def test_every_deployment_sets_what_the_table_says(self) -> None:
        for column, (where, found) in enumerate(environments().items(), start=1):
            self.assertEqual(set(found) - {row[0] for row in TABLE}, set(), where)
            for row in TABLE:
                name, cell = row[0], row[column]
                with self.subTest(where=where, name=name):
                    if cell.startswith("- "):
                        self.assertNotIn(name, found)
                    elif cell.startswith("="):
                        self.assertEqual(str(found[name]), cell[1:])
                    else:
                        self.assertIn(cell, leaves(found[name]))


class Deadlines(unittest.TestCase):
    def test_the_gateway_waits_as_long_as_the_service_thinks(self) -> None:
        stack = template("stack.yaml")
        resources = stack["Resources"]
        told = resources["Function"]["Properties"]["Environment"]["Variables"]["INDIC_SEAMLESS_DEADLINE_S"]
        self.assertEqual(told, {"If": ["Streaming", 900, {"Ref": "ApiTimeoutSeconds"}]})
        methods = [r for r in resources.values() if r["Type"] == "AWS::ApiGateway::Method"]
        self.assertEqual(len(methods), 3)
        for method in methods:
            waits = method["Properties"]["Integration"]["TimeoutInMillis"]
            self.assertEqual(waits, {"If": ["Streaming", 900_000, {"Sub": "${ApiTimeoutSeconds}000"}]})
        self.assertEqual(stack["Parameters"]["ApiTimeoutSeconds"]["Default"], 29)

    def test_a_task_that_stops_loses_no_request(self) -> None:
        ecs = template("ecs.yaml")
        allowed = ecs["Parameters"]["DeadlineSeconds"]["AllowedValues"]
        self.assertEqual(sorted(map(int, ecs["Mappings"]["After"])), allowed)
        for deadline, after in ecs["Mappings"]["After"].items():
            idle, keep_alive, leave = (int(after[name]) for name in ("Idle", "KeepAlive", "Leave"))
            self.assertTrue(int(deadline) < idle < keep_alive and int(deadline) < leave <= 3600, deadline)
        resources = ecs["Resources"]
        attributes = leaves(resources["TargetGroup"]["Properties"]["TargetGroupAttributes"])
        self.assertIn("deregistration_delay.timeout_seconds", attributes)
        self.assertIn("Leave", attributes)
        self.assertIn("Idle", leaves(resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]))
        set_to = environments()["ecs"]
        self.assertIn("KeepAlive", leaves(set_to["INDIC_SEAMLESS_KEEP_ALIVE_S"]))
        stop = resources["Task"]["Properties"]["ContainerDefinitions"][0]["StopTimeout"]
        drain, grace = (int(str(set_to[f"INDIC_SEAMLESS_{name}_S"])) for name in ("DRAIN", "GRACE"))
        self.assertTrue(drain + grace < stop <= 120)

    def test_https_can_be_turned_on_and_off(self) -> None:
        resources = template("ecs.yaml")["Resources"]
        listeners = {
            name: resource
            for name, resource in resources.items()
            if resource["Type"] == "AWS::ElasticLoadBalancingV2::Listener"
        }
        # A listener that takes the port of another one, which is removed only afterwards, is refused.
        ports = {name: listener["Properties"]["Port"] for name, listener in listeners.items()}
        self.assertEqual(ports, {"Listener": 80, "HttpsListener": 443})
        self.assertEqual([name for name, listener in listeners.items() if "Condition" in listener], ["HttpsListener"])
        (action,) = listeners["Listener"]["Properties"]["DefaultActions"]
        condition, redirect, forward = action["If"]
        self.assertEqual((condition, redirect["Type"], forward["Type"]), ("Https", "redirect", "forward"))
        self.assertEqual(listeners["HttpsListener"]["Properties"]["DefaultActions"], [forward])
        # The service is made after the listener that forwards to it.
        (tag,) = resources["Service"]["Properties"]["Tags"]
        self.assertEqual(tag["Value"], {"If": ["Https", {"Ref": "HttpsListener"}, {"Ref": "Listener"}]})


class Pages(unittest.TestCase):
    def test_a_page_may_upload_recordings_and_read_results(self) -> None:
        bucket = template("stack.yaml")["Resources"]["Bucket"]["Properties"]["CorsConfiguration"]
        (rule,) = bucket["If"][1]["CorsRules"]
        self.assertEqual((bucket["If"][0], rule["AllowedMethods"]), ("Cors", ["GET", "PUT"]))
        self.assertEqual((rule["AllowedOrigins"], rule["AllowedHeaders"]), ([{"Ref": "CorsOrigins"}], ["*"]))


class Processors(unittest.TestCase):
    def test_what_runs_an_image_runs_it_on_its_processor(self) -> None:
        stack, ecs = template("stack.yaml"), template("ecs.yaml")
        functions = [r for r in stack["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
        self.assertEqual([f["Properties"]["Architectures"] for f in functions], [[{"Ref": "Architecture"}]] * 2)
        self.assertEqual(sorted(stack["Parameters"]["Architecture"]["AllowedValues"]), ["arm64", "x86_64"])
        task = ecs["Resources"]["Task"]["Properties"]["RuntimePlatform"]
        self.assertEqual(task["CpuArchitecture"], {"Ref": "Architecture"})
        self.assertEqual(sorted(ecs["Parameters"]["Architecture"]["AllowedValues"]), ["ARM64", "X86_64"])
        for name, kind in [("kubernetes/deployment.yaml", "Deployment"), ("kubernetes-volume/fetch.yaml", "Job")]:
            documents = yaml.safe_load_all((ROOT / "deploy" / name).read_text())
            (pod,) = [d["spec"]["template"]["spec"] for d in documents if d["kind"] == kind]
            self.assertEqual(pod["nodeSelector"]["kubernetes.io/arch"], "amd64", name)


class Concurrency(unittest.TestCase):
    def test_a_new_account_can_serve_requests_beside_recordings(self) -> None:
        defaults = {name: given.get("Default") for name, given in template("stack.yaml")["Parameters"].items()}
        self.assertLess(defaults["QueueConcurrency"] + defaults["MapConcurrency"], 10)


if __name__ == "__main__":
    unittest.main()
