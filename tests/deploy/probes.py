"""Runs the program as a manifest of Kubernetes says, and asks it what the kubelet would.

usage: unshare --net --mount python3 probes.py DEPLOYMENT PROGRAM

In namespaces of its own, where its port is free and the keys can be mounted where it says. Other volumes must be there.
"""

import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

manifest, program = sys.argv[1:]
documents = yaml.safe_load_all(pathlib.Path(manifest).read_text())
(deployment,) = [document for document in documents if document["kind"] == "Deployment"]
pod = deployment["spec"]["template"]["spec"]
(container,) = pod["containers"]
ports = {port["name"]: port["containerPort"] for port in container["ports"]}
settings = {variable["name"]: variable["value"] for variable in container["env"]}
KEY = "a key"


def status(probe: dict, headers: dict[str, str] | None = None) -> int:
    """The answer to a probe; 0 for none."""
    get = probe["httpGet"]
    url = f"http://127.0.0.1:{ports[get['port']]}{get['path']}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def until(seconds: float, wanted: int, probe: dict) -> None:
    end = time.monotonic() + seconds
    while (found := status(probe)) != wanted:
        assert time.monotonic() < end, f"{probe}: {found} instead of {wanted}"
        time.sleep(0.1)


def main() -> None:
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "keys"]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # The program's own files are elsewhere.
    subprocess.run(["mount", "-t", "tmpfs", "none", "/etc"], check=True)
    folder = pathlib.Path(mount["mountPath"])
    folder.mkdir(parents=True)
    (folder / "keys").write_text(f"test:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    startup, alive, ready = (container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))
    process = subprocess.Popen([program], env={"PATH": os.environ["PATH"], "INDIC_SEAMLESS_MODEL": "demo", **settings})
    try:
        until(startup["periodSeconds"] * startup["failureThreshold"], 200, startup)
        assert (status(alive), status(ready)) == (200, 200)
        # Prometheus needs a key, and the kubelet none.
        metrics = {"httpGet": {"path": "/metrics", "port": "http"}}
        assert (status(metrics), status(metrics, {"Authorization": f"Bearer {KEY}"})) == (401, 200)
        # The end: not ready at once, but alive and answering until the proxies have noticed.
        process.send_signal(signal.SIGTERM)
        stopped = time.monotonic()
        until(2, 503, ready)
        assert status(alive) == 200
        noticed = ready["periodSeconds"] * ready["failureThreshold"]
        assert noticed < float(settings["INDIC_SEAMLESS_DRAIN_S"])
        assert process.wait(pod["terminationGracePeriodSeconds"]) == 0
        assert time.monotonic() - stopped >= float(settings["INDIC_SEAMLESS_DRAIN_S"])
    finally:
        process.kill()
    longest = float(settings["INDIC_SEAMLESS_DRAIN_S"]) + float(settings["INDIC_SEAMLESS_GRACE_S"])
    assert longest < pod["terminationGracePeriodSeconds"]
    assert float(settings["INDIC_SEAMLESS_DEADLINE_S"]) < float(settings["INDIC_SEAMLESS_GRACE_S"])


main()
