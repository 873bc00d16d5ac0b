"""The forms of a result."""

import json
from pathlib import Path

import pytest

from indic_seamless.eval import Clip, Hypothesis, Report, Resampling, model_index, score

DIRECTIONS = [("hin", "hin", "एक दो तीन चार।"), ("hin", "eng", "one two three four"), ("tam", "tam", "ஒன்று இரண்டு")]
CLIPS = [Clip(f"{source}{target}{n}", Path("a.wav"), text, source, target) for source, target, text in DIRECTIONS for n in range(4)]
SILENCE = Clip("silence", Path("a.wav"), "", "tam", "tam")


@pytest.fixture
def report():
    clips = [*CLIPS, SILENCE]
    right = {clip.id: Hypothesis(clip.id, clip.text, [[3, 1, 3]]) for clip in clips}
    wrong = right | {"hinhin0": Hypothesis("hinhin0", "one", [[3, 9, 3]]), "silence": Hypothesis("silence", "ஏதோ", [[3, 9, 3]])}
    return Report(
        model="org/model", revision="r1", weights={"model.safetensors": "0" * 64}, dataset="org/data", dataset_revision="d1",
        split="test", configs={"hin": "hi_in", "tam": "ta_in"}, clips_sha256="1" * 64, left_out=2, systems=["f32", "int8"],
        settings={"f32": {"beams": None}, "int8": {"beams": None}}, resampling=Resampling(100), signatures={"wer, hin": "jiwer 4"},
        machine={"cores": 2}, versions={"jiwer": "4"}, groups=score(clips, {"f32": right, "int8": wrong}, Resampling(100)),
    )  # fmt: skip


def test_figures_of_a_group(report):
    hindi, tamil, both, translation = report.groups
    assert [group.name for group in report.groups] == ["hin", "tam", "all transcriptions", "hin → eng"]
    assert (hindi.clips, hindi.words, hindi.silent) == (4, 16, 0)
    assert (tamil.clips, tamil.silent, both.clips, both.silent, both.target) == (4, 1, 8, 1, None)
    found = hindi.systems["int8"]
    assert found.figures["normalised"]["wer"].value == 4 / 16
    assert found.differences["normalised"]["wer"].value == 4 / 16
    assert (found.equal_tokens, found.signs.wrong_script) == (0.75, 1)
    assert hindi.systems["f32"].equal_tokens is None and hindi.systems["f32"].differences == {}
    assert tamil.systems["int8"].signs.invented == 1
    # BLEU is of one language, error rates are of any.
    assert both.systems["f32"].figures["raw"].keys() == {"wer", "cer", "chrf++"}
    assert translation.systems["int8"].figures["raw"]["bleu"].value == pytest.approx(100)


def test_a_direction_in_which_nothing_is_said():
    (group,) = score([SILENCE], {"f32": {"silence": Hypothesis("silence", "")}}, Resampling(100))
    assert (group.clips, group.silent) == (0, 1)
    assert group.systems["f32"].figures == {"normalised": {}, "raw": {}}


def test_json_has_all_digits(report):
    found = json.loads(report.to_json())
    wer = found["groups"][2]["systems"]["int8"]["figures"]["normalised"]["wer"]
    assert wer["value"] == report.groups[2].systems["int8"].figures["normalised"]["wer"].value == 4 / 24
    assert found["resampling"] == {"samples": 100, "seed": 1}


def test_markdown(report):
    text = report.to_markdown()
    assert text.startswith("# org/model on org/data\n")
    assert "| SHA-256 of model.safetensors | `" + "0" * 64 in text
    assert "| clips without a reference in the target language, left out | 2 |" in text
    assert "| hin | 4 | int8 | 25.00 (" in text and "| hin | int8 | 75.00 % | +25.00 (" in text
    assert "100 draws, seed 1" in text
    # Rows without any sign are left out.
    signs = text.split("## Texts that went wrong")[1]
    assert (
        "| hin | int8 | 0 | 0 | 1 | 0 | 0 of 0 |" in signs
        and "| tam | int8 | 0 | 0 | 0 | 0 | 1 of 1 |" in signs
        and "f32" not in signs
    )
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


def test_the_hub_reads_the_model_index(report):
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(model_index(report))["model-index"]
    assert [entry["name"] for entry in found] == ["org/model (f32)", "org/model (int8)"]
    hindi, _, translation = found[1]["results"]
    assert hindi["dataset"] == {"name": "org/data, hin", "type": "org/data", "config": "hi_in", "split": "test", "revision": "d1"}
    assert hindi["task"]["type"] == "automatic-speech-recognition"
    assert hindi["metrics"][0] == {"type": "wer", "value": 25.0, "name": "WER, normalised"}
    assert translation["task"]["name"] == "Speech translation, hin to eng"
    hub = pytest.importorskip("huggingface_hub.repocard_data")
    name, results = hub.model_index_to_eval_results([found[1]])
    assert name == "org/model (int8)" and {result.dataset_revision for result in results} == {"d1"}
