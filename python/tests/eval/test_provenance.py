"""Where figures come from."""

import hashlib

import pytest

from indic_seamless import Error
from indic_seamless.eval import Settings, evaluate, provenance
from indic_seamless.eval.clip import Manifest

CONTENTS = {"model-1.safetensors": b"one", "model-2.safetensors": b"two"}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}


def checkpoint(folder):
    folder.mkdir(parents=True)
    for name, content in (CONTENTS | {"config.json": b"{}"}).items():
        (folder / name).write_bytes(content)
    return folder


def test_weights_of_a_folder(tmp_path):
    folder = str(checkpoint(tmp_path / "model"))
    assert provenance.weights(folder, None) == SUMS
    assert provenance.commit(folder, None) is None


@pytest.mark.parametrize("revision", [None, "main", "c0ffee"])
def test_weights_of_a_model_in_the_cache_of_the_hub(tmp_path, monkeypatch, revision):
    cache = tmp_path / "hub" / "models--org--name"
    checkpoint(cache / "snapshots" / "c0ffee")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("c0ffee\n")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert provenance.weights("org/name", revision) == SUMS
    assert provenance.commit("org/name", revision) == "c0ffee"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert provenance.weights("org/name", revision) == {}


def test_the_demo_model_is_in_the_native_part():
    ((name, digest),) = provenance.weights("demo", None).items()
    assert name.startswith("_native") and len(digest) == 64


def test_a_model_that_cannot_be_had_is_told_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(Error):
        evaluate(Manifest(tmp_path, [], "generic"), Settings(model="org/none"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_machine_and_versions():
    machine = provenance.machine()
    assert machine["cores"] >= 1 and machine["processor"] and machine["memory_bytes"] > 1 << 20
    assert {"python", "indic_seamless", "jiwer", "sacrebleu", "indicnlp"} == provenance.versions(False).keys()
