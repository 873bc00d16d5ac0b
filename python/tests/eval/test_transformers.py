"""The reference beside this package, on the demo model. Needs torch, torchaudio, transformers, sentencepiece and soundfile."""

import json
from pathlib import Path

import pytest

for module in ("torch", "torchaudio", "transformers", "sentencepiece", "soundfile"):
    pytest.importorskip(module)

from indic_seamless.eval.__main__ import main

ROOT = Path(__file__).parents[3]


def test_all_token_sequences_are_equal(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    audio = ROOT / "examples" / "audio"
    manifest = tmp_path / "clips.jsonl"
    with manifest.open("w") as file:
        for name, texts in json.loads((audio / "texts.json").read_text()).items():
            clip = {"audio": str(audio / name), "lang": texts["spoken"], "text": texts[texts["spoken"]]}
            file.write(json.dumps(clip) + "\n")
    options = ["--model", str(ROOT / "indic-seamless" / "demo"), "--precision", "f32", "--against", "transformers"]
    assert main([str(manifest), "--output", str(tmp_path / "out"), "--samples", "100", *options]) == 0
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    # The reference is the baseline.
    assert found["systems"] == ["transformers", "f32"]
    assert {group["systems"]["f32"]["equal_tokens"] for group in found["groups"]} == {1.0}
    assert list(found["weights"]) == ["model.safetensors"]
