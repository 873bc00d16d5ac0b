"""The generic manifest, and what is wrong with manifests of any kind."""

import json

import pytest

from indic_seamless import LanguageError
from indic_seamless.eval import Clip, ManifestError, SettingsError, read_manifest


@pytest.fixture
def folder(tmp_path):
    for name in ("1.wav", "2.wav", "sub/3.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF")
    return tmp_path


def problems(path, **options):
    with pytest.raises(ManifestError) as refused:
        read_manifest(path, **options)
    assert refused.value.count == len(refused.value.problems)
    return refused.value.problems


def json_lines(path, *records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


def test_json_lines(folder):
    manifest = read_manifest(
        json_lines(
            folder / "clips.jsonl",
            {"audio": "1.wav", "text": "नमस्ते", "lang": "Hindi", "speaker": 7},
            {"audio": "1.wav", "text": "hello", "lang": "hi", "target_lang": "eng"},
            {"audio": str(folder / "sub/3.wav"), "text": "", "lang": "tam", "id": "silence"},
        )
    )
    assert manifest.clips == [
        Clip("1.wav", folder / "1.wav", "नमस्ते", "hin", "hin"),
        Clip("1.wav:eng", folder / "1.wav", "hello", "hin", "eng"),
        Clip("silence", folder / "sub/3.wav", "", "tam", "tam"),
    ]


@pytest.mark.parametrize(("name", "cell"), [("clips.csv", ","), ("clips.tsv", "\t")])
def test_csv(folder, name, cell):
    lines = [
        ["audio", "text", "lang", "target_lang", "id"],
        ["1.wav", '"नमस्ते, दुनिया"', "hin", "", ""],
        ["2.wav", "hello", "hin", "en", "x"],
    ]
    (folder / name).write_text("\ufeff" + "\r\n".join(cell.join(line) for line in lines), "utf-8")
    assert read_manifest(folder / name).clips == [
        Clip("1.wav", folder / "1.wav", "नमस्ते, दुनिया", "hin", "hin"),
        Clip("x", folder / "2.wav", "hello", "hin", "eng"),
    ]


def test_all_problems_are_told_at_once(folder):
    good = {"audio": "1.wav", "text": "एक", "lang": "hin"}
    path = json_lines(folder / "clips.jsonl", good, {"audio": "none.wav", "text": "दो", "lang": "hin"}, good)
    (folder / "empty.wav").write_bytes(b"")
    with path.open("a") as file:
        file.write('{"audio": "2.wav", "lang": "hin"}\n')
        file.write('{"audio": "2.wav", "text": "x", "lang": "klingon"}\n')
        file.write('{"audio": "empty.wav", "text": "x", "lang": "hin"}\n')
        file.write('{"audio": 5, "text": "x", "lang": "hin"}\n')
        file.write('["2.wav"]\n')
        file.write('{"audio": "2.wav", "te')
    found = {(one.where.removeprefix(f"{folder}/"), one.found.split(",")[0]) for one in problems(path)}
    assert found == {
        ("clips.jsonl", "the id '1.wav' again"),
        ("none.wav", "nothing"),
        ("empty.wav", "an empty file"),
        ("clips.jsonl, line 4", "no 'text'"),
        ("clips.jsonl, line 5", "the language 'klingon'"),
        ("clips.jsonl, line 7", "'audio': 5"),
        ("clips.jsonl, line 8", "list"),
        ("clips.jsonl, line 9", '\'{"audio": "2.wav"'),
    }


def test_half_a_csv(folder):
    path = folder / "clips.csv"
    path.write_text("audio,text,lang\n1.wav,एक,hin\n2.wav,दो")
    assert [(one.found, one.wanted) for one in problems(path)] == [("2 cells", "3, as in the first line")]
    path.write_text("audio,text,lang\n1.wav,एक,hin,more\n")
    assert problems(path)[0].found == "4 cells"
    path.write_text('audio,text,lang\n1.wav,"एक,hin\n')
    assert "closed quotes" in problems(path)[0].wanted
    path.write_text("audio,lang\n1.wav,hin\n")
    assert problems(path)[0].found == "no 'text'"


def test_a_name_that_is_there_twice(folder):
    (folder / "clips.jsonl").write_text('{"audio": "1.wav", "text": "एक", "lang": "hin", "text": "दो"}\n', "utf-8")
    (folder / "clips.csv").write_text("audio,text,lang,text\n1.wav,एक,hin,दो\n", "utf-8")
    for name in ("clips.jsonl", "clips.csv"):
        first = problems(folder / name)[0]
        assert (first.where, first.wanted) == (f"{folder / name}, line 1", "each name once")
        assert "'text' twice" in first.found
    # Columns without a name, as a spreadsheet writes them.
    (folder / "clips.csv").write_text("audio,text,lang,,\n1.wav,एक,hin,,\n", "utf-8")
    assert len(read_manifest(folder / "clips.csv").clips) == 1


@pytest.mark.parametrize("name", ["clips.jsonl", "clips.csv"])
def test_other_encodings(folder, name):
    (folder / name).write_bytes("audio,text,lang\n1.wav,é,hin\n".encode("latin-1"))
    assert any("UTF-8" in one.wanted for one in problems(folder / name))


def test_nothing_to_evaluate(folder):
    (folder / "clips.jsonl").write_text("\n")
    assert problems(folder / "clips.jsonl")[0].found == "no clip"
    assert problems(folder / "none.jsonl")[0].found == "nothing"
    assert problems(folder)[0].found == "a folder"


def test_a_long_list_of_problems_is_short_in_the_message(folder):
    path = json_lines(folder / "clips.jsonl", *[{"audio": f"none-{n}.wav", "text": "", "lang": "hin"} for n in range(2000)])
    with pytest.raises(ManifestError) as refused:
        read_manifest(path)
    assert refused.value.count == 2000
    assert len(str(refused.value).splitlines()) == 12


def test_a_part_of_the_clips(folder):
    clips = [("1.wav", "hin", "hin"), ("2.wav", "hin", "hin"), ("1.wav", "hin", "eng"), ("sub/3.wav", "tam", "tam")]
    records = [{"audio": audio, "text": "x", "lang": lang, "target_lang": to, "id": f"{audio}{to}"} for audio, lang, to in clips]
    path = json_lines(folder / "clips.jsonl", *records)
    assert [clip.id for clip in read_manifest(path, sources=["Hindi"], limit=1).clips] == ["1.wavhin", "1.waveng"]
    with pytest.raises(LanguageError):
        read_manifest(path, sources=["klingon"])
    with pytest.raises(SettingsError):
        read_manifest(path, targets=["eng"])
    with pytest.raises(SettingsError):
        read_manifest(path, "librispeech")


def test_the_digest_is_of_what_hypotheses_depend_on(folder):
    def digest(**changes):
        record = {"audio": "1.wav", "text": "एक", "lang": "hin", "id": "a"} | changes
        return read_manifest(json_lines(folder / "clips.jsonl", record)).digest()

    assert digest() == digest(text="दो") == digest(audio=str(folder / "1.wav"))
    assert len({digest(), digest(audio="2.wav"), digest(lang="mar"), digest(target_lang="eng"), digest(id="b")}) == 5
