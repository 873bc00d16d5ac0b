"""Runs the containers of a job of Kubernetes one after the other, as the kubelet would.

usage: job.py MANIFEST PROGRAM SECRET ENDPOINT

SECRET is the value of every secret, and ENDPOINT the hub that the first containers reach; the last one reaches none.
"""

import pathlib
import subprocess
import sys

import yaml

manifest, program, secret, endpoint = sys.argv[1:]
NOWHERE = "http://127.0.0.1:1"


def variables(container: dict) -> dict[str, str]:
    return {
        given["name"]: given["value"] if "value" in given else secret
        for given in container["env"]
        if "value" in given or given["valueFrom"].keys() == {"secretKeyRef"}
    }


def main() -> None:
    documents = yaml.safe_load_all(pathlib.Path(manifest).read_text())
    (job,) = [document for document in documents if document["kind"] == "Job"]
    pod = job["spec"]["template"]["spec"]
    for hub, containers in [(endpoint, pod["initContainers"]), (NOWHERE, pod["containers"])]:
        for container in containers:
            # The image holds the program and nothing else, and its root cannot be written.
            environment = {"HF_ENDPOINT": hub, **variables(container)}
            subprocess.run([program, *container["args"]], env=environment, check=True)


main()
