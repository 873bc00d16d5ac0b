"""The command, with the demo model on the clips of the repository."""

import json
import sys
from pathlib import Path

import pytest

from indic_seamless import StoppedError
from indic_seamless.eval import Settings, SettingsError, evaluate, read_manifest
from indic_seamless.eval.__main__ import main

AUDIO = Path(__file__).parents[3] / "examples" / "audio"


@pytest.fixture
def manifest(tmp_path):
    """Each clip in its own language and in English."""
    path = tmp_path / "clips.jsonl"
    with path.open("w") as file:
        for name, texts in json.loads((AUDIO / "texts.json").read_text()).items():
            for target in dict.fromkeys((texts["spoken"], "eng")):
                clip = {"audio": str(AUDIO / name), "lang": texts["spoken"], "target_lang": target, "text": texts[target]}
                file.write(json.dumps({"id": f"{name}:{target}"} | clip) + "\n")
    return path


def run(manifest, output, *options):
    return main([str(manifest), "--output", str(output), "--model", "demo", "--threads", "2", "--samples", "100", *options])


def result(output):
    return json.loads((output / "result.json").read_text())


def refused(capsys, *arguments):
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 1
    return capsys.readouterr().err


def test_a_table_of_two_precisions(manifest, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(manifest, output, "--precision", "f32,int8", "--dataset", "org/clips", "--dataset-revision", "abc") == 0
    printed = capsys.readouterr().out
    assert printed == (output / "result.md").read_text()
    assert "| hin | 2 | int8 | 0.00 (0.00 to 0.00) |" in printed
    assert "| hin → eng | int8 | 100.00 % |" in printed
    found = result(output)
    assert found["systems"] == ["f32", "int8"] and found["dataset_revision"] == "abc"
    assert [group["name"] for group in found["groups"]] == [
        *("ben", "eng", "hin", "tam", "tel", "all transcriptions"),
        *("ben → eng", "hin → eng", "tam → eng", "tel → eng", "all translations"),
    ]
    assert all(len(digest) == 64 for digest in found["weights"].values()) and found["weights"]
    assert found["machine"]["cores"] and found["versions"]["jiwer"]
    card = (output / "model-index.yml").read_text()
    assert 'revision: "abc"' in card and "demo (int8)" in card


def test_a_run_that_was_interrupted_goes_on(manifest, tmp_path):
    read, settings = read_manifest(manifest), Settings(model="demo", precisions=("f32",), threads=2)
    whole = evaluate(read, settings, tmp_path / "whole")

    def interrupt(system, done, total):
        if done == 5:
            raise KeyboardInterrupt

    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        evaluate(read, settings, output, interrupt)
    hypotheses = output / "hypotheses" / "f32.jsonl"
    lines = hypotheses.read_bytes().splitlines()
    assert len(lines) == 6
    # As after kill -9 while a line is written.
    hypotheses.write_bytes(hypotheses.read_bytes() + b'{"id": "tam')
    made = []
    again = evaluate(read, settings, output, lambda system, done, total: made.append(done))
    assert made == list(range(5, len(read.clips) + 1))
    assert again.groups == whole.groups
    assert hypotheses.read_bytes() == (tmp_path / "whole" / "hypotheses" / "f32.jsonl").read_bytes()


def test_a_finished_run_is_only_measured_again(manifest, tmp_path, monkeypatch):
    assert run(manifest, tmp_path / "out", "--lang", "hin") == 0
    first = result(tmp_path / "out")
    monkeypatch.setattr("indic_seamless.eval.systems.Transcriber", None)
    assert run(manifest, tmp_path / "out", "--lang", "hin") == 0
    assert result(tmp_path / "out") == first


def test_other_settings_need_another_folder(manifest, tmp_path, capsys):
    assert run(manifest, tmp_path / "out", "--lang", "hin") == 0
    capsys.readouterr()
    assert run(manifest, tmp_path / "out", "--lang", "hin", "--beams", "2") == 1
    assert "beams" in capsys.readouterr().err
    assert run(manifest, tmp_path / "out", "--lang", "tam") == 1
    assert "clips of the run" in capsys.readouterr().err


def test_recordings_in_parquet_files(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = json.loads((AUDIO / "texts.json").read_text())
    names = ["hindi-1.wav", "hindi-2.flac"]
    columns = {
        "audio_filepath": [{"bytes": (AUDIO / name).read_bytes(), "path": name} for name in names],
        "text": [texts[name]["hin"] for name in names],
    }
    (tmp_path / "data" / "hindi").mkdir(parents=True)
    parquet.write_table(arrow.table(columns), tmp_path / "data" / "hindi" / "valid-00000-of-00001.parquet")
    assert run(tmp_path / "data", tmp_path / "out", "--layout", "indicvoices") == 0
    found = result(tmp_path / "out")
    assert (found["dataset"], found["split"]) == ("ai4bharat/IndicVoices", "valid")
    assert found["groups"][0]["systems"]["auto"]["figures"]["raw"]["wer"]["value"] == 0


def test_hypotheses_of_another_system(manifest, tmp_path, capsys):
    other = tmp_path / "other.jsonl"
    clips = read_manifest(manifest).clips
    other.write_text(
        "".join(json.dumps({"id": clip.id, "text": "x" if "hindi-1" in clip.id else clip.text}) + "\n" for clip in clips)
    )
    assert run(manifest, tmp_path / "out", "--against", f"other={other}") == 0
    groups = {group["name"]: group["systems"]["other"] for group in result(tmp_path / "out")["groups"]}
    assert groups["tam"]["figures"]["raw"]["wer"]["value"] == 0
    assert groups["hin"]["figures"]["raw"]["wer"]["value"] > 0
    assert groups["hin"]["signs"]["wrong_script"] == 1 and groups["hin"]["equal_tokens"] is None
    other.write_text(other.read_text().split("\n", 1)[1])
    assert "nothing for 1 clips" in refused(
        capsys, manifest, "--output", tmp_path / "o", "--model", "demo", "--against", f"a={other}"
    )


def test_everything_is_checked_before_the_model_is_loaded(manifest, tmp_path, capsys):
    options = ["--output", tmp_path / "out", "--model", tmp_path / "no model"]
    with manifest.open("a") as file:
        file.write('{"audio": "none.wav", "text": "x", "lang": "hin"}\n{"aud')
    told = refused(capsys, manifest, *options)
    assert "2 problems" in told and "none.wav: found nothing, wanted a recording" in told and "no model" not in told
    assert "'f64'" in refused(capsys, manifest, *options, "--precision", "f32,f64")
    assert "each name once" in refused(capsys, manifest, *options, "--against", "x")
    assert "a name of its own" in refused(capsys, manifest, *options, "--against", "auto=x.jsonl")
    assert "at least 100" in refused(capsys, manifest, *options, "--samples", "10")
    for option in ("--beams", "--threads", "--at-a-time", "--max-new-tokens"):
        assert f"{option[2:]}: found 0, wanted at least 1" in refused(capsys, manifest, *options, option, "0")
    assert "klingon" in refused(capsys, manifest, *options, "--lang", "klingon")
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there(manifest, tmp_path, capsys):
    assert "no model" in refused(capsys, manifest, "--output", tmp_path / "out", "--model", tmp_path / "no model")


def test_a_language_that_the_model_does_not_write(manifest, tmp_path, capsys):
    manifest.write_text(json.dumps({"audio": str(AUDIO / "hindi-1.wav"), "text": "x", "lang": "mar"}))
    assert "found mar, wanted ben, eng" in refused(capsys, manifest, "--output", tmp_path / "out", "--model", "demo")


@pytest.mark.parametrize("damaged", [b"RIFF" + bytes(100), (AUDIO / "hindi-1.wav").read_bytes()[:20_000]])
def test_a_recording_that_cannot_be_read_whole_counts_as_nothing_said(manifest, tmp_path, damaged):
    (tmp_path / "damaged.wav").write_bytes(damaged)
    with manifest.open("a") as file:
        file.write(json.dumps({"audio": "damaged.wav", "text": "एक दो", "lang": "hin"}) + "\n")
    assert run(manifest, tmp_path / "out", "--lang", "hin") == 0
    hindi = result(tmp_path / "out")["groups"][0]["systems"]["auto"]
    assert hindi["signs"]["failed"] == 1 and hindi["signs"]["empty"] == 0
    assert hindi["figures"]["raw"]["wer"]["value"] > 0


@pytest.mark.parametrize(("module", "package"), [("jiwer", "jiwer"), ("sacrebleu", "sacrebleu"), ("indicnlp", "indic-nlp-library")])
def test_packages_that_are_not_installed(manifest, tmp_path, capsys, monkeypatch, module, package):
    for name in [one for one in sys.modules if one.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    told = refused(capsys, manifest, "--output", tmp_path / "out", "--model", "demo")
    assert f"the package {package} is not installed: pip install 'indic-seamless[eval]'" in told


def test_an_error_that_is_not_of_one_recording_stops_the_run(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("indic_seamless._transcriber._finish", lambda work: fail())

    def fail():
        raise StoppedError("cancelled")

    with pytest.raises(StoppedError):
        evaluate(read_manifest(manifest), Settings(model="demo"), tmp_path / "out")


def test_transformers_needs_a_folder():
    with pytest.raises(SettingsError):
        Settings(model="demo", transformers=True).check()
