"""Where figures come from."""

import hashlib

import pytest

from indic_seamless import Error
from indic_seamless.eval import Settings, evaluate, provenance
from indic_seamless.eval.clip import Manifest

COMMIT = "c0ffee" + 34 * "0"
CONTENTS = {"model.safetensors": b"one", "more.safetensors": b"two"}
OTHERS = ("config.json", "generation_config.json", "tokenizer.json")
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}


def checkpoint(folder):
    folder.mkdir(parents=True)
    for name, content in (CONTENTS | dict.fromkeys(OTHERS, b"{}")).items():
        (folder / name).write_bytes(content)
    return folder


def test_weights_of_a_folder(tmp_path):
    model = str(checkpoint(tmp_path / "model"))
    place = provenance.folder(model, None)
    assert provenance.weights(place) == SUMS
    assert provenance.commit(model, place) is None


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
@pytest.mark.parametrize(
    ("variable", "cache"), [("HF_HOME", "hub"), ("HF_HUB_CACHE", "."), ("HUGGINGFACE_HUB_CACHE", "."), ("XDG_CACHE_HOME", "huggingface/hub")]
)
def test_weights_of_a_model_in_the_cache_of_the_hub(tmp_path, monkeypatch, variable, cache, revision):
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv(variable, str(tmp_path))
    model = tmp_path / cache / "models--org--name"
    checkpoint(model / "snapshots" / COMMIT)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    place = provenance.folder("org/name", revision)
    assert provenance.weights(place) == SUMS
    assert provenance.commit("org/name", place) == COMMIT


def test_the_demo_model_is_in_the_native_part():
    place = provenance.folder("demo", None)
    ((name, digest),) = provenance.weights(place).items()
    assert name.startswith("_native") and len(digest) == 64
    assert provenance.commit("demo", place) is None


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
