"""The layouts of public data sets, in small."""

import json

import pytest

from indic_seamless.eval import ManifestError, MissingPackageError, Row, read_manifest
from indic_seamless.eval.manifest import parquet


def write(path, content=b"RIFF"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def found(manifest):
    return [(clip.id, clip.text, clip.source, clip.target) for clip in manifest.clips]


def problems(*arguments, **options):
    with pytest.raises(ManifestError) as refused:
        read_manifest(*arguments, **options)
    return [(one.where, one.found, one.wanted) for one in refused.value.problems]


def hub_file(path, texts, **columns):
    """A Parquet file as the hub's library writes it."""
    arrow = pytest.importorskip("pyarrow")
    audio = [{"bytes": f"RIFF{path.parent.name}{n}".encode(), "path": f"{path.parent.name}_{n}.wav"} for n in range(len(texts))]
    table = arrow.table({parquet.AUDIO: audio, "text": texts, "duration": [1.0] * len(texts), **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    pytest.importorskip("pyarrow.parquet").write_table(table, path, row_group_size=2)


FLEURS = {
    "hi_in": [(1, "10.wav", 'उसने कहा, "हाँ"।'), (1, "11.wav", 'उसने कहा, "हाँ"।'), (2, "12.wav", "दो")],
    "en_us": [(1, "90.wav", 'He said, "yes".'), (3, "91.wav", "Three")],
}


@pytest.fixture
def fleurs(tmp_path):
    for name, lines in FLEURS.items():
        rows = ["\t".join([str(number), wav, text, text.lower(), "h e |", "16000", "FEMALE"]) for number, wav, text in lines]
        write(tmp_path / "data" / name / "test.tsv", "\n".join(rows) + "\n")
        for _, wav, _ in lines:
            write(tmp_path / "data" / name / "audio" / "test" / wav)
    return tmp_path


def test_fleurs(fleurs):
    manifest = read_manifest(fleurs, "fleurs")
    assert found(manifest) == [
        ("en_us/90", 'He said, "yes".', "eng", "eng"),
        ("en_us/91", "Three", "eng", "eng"),
        ("hi_in/10", 'उसने कहा, "हाँ"।', "hin", "hin"),
        ("hi_in/11", 'उसने कहा, "हाँ"।', "hin", "hin"),
        ("hi_in/12", "दो", "hin", "hin"),
    ]
    assert (manifest.dataset, manifest.split, manifest.configs["hin"]) == ("google/fleurs", "test", "hi_in")
    assert manifest.clips[2].audio == fleurs / "data/hi_in/audio/test/10.wav"
    assert len(read_manifest(fleurs / "data", "fleurs", sources=["Hindi"]).clips) == 3


def test_fleurs_translates_by_the_numbers_of_sentences(fleurs):
    manifest = read_manifest(fleurs, "fleurs", sources=["hin"], targets=["eng"])
    assert found(manifest) == [
        ("hi_in/10:eng", 'He said, "yes".', "hin", "eng"),
        ("hi_in/11:eng", 'He said, "yes".', "hin", "eng"),
    ]
    assert manifest.left_out == 1
    # From all languages, as none is named.
    assert {clip.direction for clip in read_manifest(fleurs, "fleurs", targets=["eng"]).clips} == {("hin", "eng"), ("eng", "eng")}


def test_fleurs_that_is_not_unpacked_or_not_whole(fleurs):
    tar = write(fleurs / "data/hi_in/audio/dev.tar.gz")
    write(fleurs / "data/hi_in/dev.tsv", "1\t10.wav\tएक\n")
    (fleurs / "data/en_us/audio/test/91.wav").unlink()
    assert problems(fleurs, "fleurs", split="dev")[0][1:] == (f"{tar} only", f"the recordings: tar -xzf {tar} -C {tar.parent}")
    (fleurs / "data/hi_in/audio/dev").mkdir()
    assert problems(fleurs, "fleurs", split="dev")[0][1:] == ("3 columns", "7")
    assert problems(fleurs, "fleurs") == [(f"{fleurs}/data/en_us/audio/test/91.wav", "nothing", "a recording")]
    assert "no folder with test.tsv for tam" in problems(fleurs, "fleurs", sources=["tam"])[0][1]


def test_indicvoices_from_the_hub(tmp_path):
    hub_file(tmp_path / "hindi" / "valid-00000-of-00001.parquet", ["एक", "दो", "तीन"], lang=["hi"] * 3)
    hub_file(tmp_path / "bodo" / "valid-00000-of-00001.parquet", ["से"])
    manifest = read_manifest(tmp_path, "indicvoices", sources=["hin"])
    assert found(manifest) == [(f"hindi_{n}", text, "hin", "hin") for n, text in enumerate(["एक", "दो", "तीन"])]
    assert [clip.audio for clip in manifest.clips][2] == Row(
        tmp_path / "hindi/valid-00000-of-00001.parquet", "audio_filepath", 1, 0
    )
    assert [parquet.recording(clip.audio) for clip in manifest.clips] == [b"RIFFhindi0", b"RIFFhindi1", b"RIFFhindi2"]
    assert manifest.configs == {"hin": "hindi"}
    # The model does not know Bodo.
    assert "'bodo'" in problems(tmp_path, "indicvoices")[0][1]


def test_indicvoices_from_its_script(tmp_path):
    folder = tmp_path / "Tamil" / "v1" / "valid"
    write(folder / "audios" / "a_chunk_1.wav")
    line = json.dumps({"audio_filepath": "/made/elsewhere/audios/a_chunk_1.wav", "text": "ஒன்று", "lang": "ta", "verbatim": "x"})
    write(folder / "transcripts" / "a.json", line + "\n")
    assert found(read_manifest(tmp_path, "indicvoices")) == [("a_chunk_1", "ஒன்று", "tam", "tam")]
    assert found(read_manifest(folder / "transcripts" / "a.json", "indicvoices")) == [("a_chunk_1", "ஒன்று", "tam", "tam")]


def test_indicvoices_that_is_not_cut_into_clips(tmp_path):
    write(tmp_path / "Tamil/v1/valid/a.json", "{}")
    assert "create_indicvoices.py" in problems(tmp_path, "indicvoices")[0][2]


def test_kathbath_from_the_archives(tmp_path):
    folder = tmp_path / "kb_data_clean_m4a" / "hindi" / "test_known"
    write(folder / "transcription_n2w.txt", "1-594-f.m4a\tनमस्ते दुनिया\n2-594-f.m4a\tदो\n")
    m4a, wav = write(folder / "audio" / "1-594-f.m4a"), write(folder / "audio" / "2-594-f.wav")
    for root in (tmp_path, tmp_path / "kb_data_clean_m4a"):
        manifest = read_manifest(root, "kathbath", split="test_known")
        assert found(manifest) == [("1-594-f", "नमस्ते दुनिया", "hin", "hin"), ("2-594-f", "दो", "hin", "hin")]
        assert [clip.audio for clip in manifest.clips] == [m4a, wav]
    assert problems(tmp_path, "kathbath")[0][2] == "valid-*.parquet or valid/transcription_n2w.txt"
    write(folder / "transcription_n2w.txt", "1-594-f.m4a\tनमस्ते\n3-594-f.m4a\tतीन\n4-594")
    assert [one[1] for one in problems(tmp_path, "kathbath", split="test_known")] == ["'4-594'", "nothing"]


def test_kathbath_from_the_hub(tmp_path):
    hub_file(tmp_path / "odia" / "valid-00000-of-00001.parquet", ["ଏକ"], fname=["1.m4a"], lang=["odia"])
    assert found(read_manifest(tmp_path, "kathbath")) == [("odia_0", "ଏକ", "ory", "ory")]


def test_svarah(tmp_path):
    line = {"audio_filepath": "Svarah/audio/1.wav", "duration": 3.5, "text": "Order two kilos of rice"}
    write(tmp_path / "svarah_manifest.json", json.dumps(line) + "\n")
    write(tmp_path / "audio" / "1.wav")
    manifest = read_manifest(tmp_path, "svarah")
    assert found(manifest) == [("1", "Order two kilos of rice", "eng", "eng")]
    assert manifest.clips[0].audio.parent == tmp_path / "audio"
    (tmp_path / "svarah_manifest.json").unlink()
    assert problems(tmp_path, "svarah")[0][2] == "svarah_manifest.json or data/test-*.parquet"
    hub_file(tmp_path / "data" / "test-00000-of-00001.parquet", ["One", "Two"])
    assert found(read_manifest(tmp_path, "svarah")) == [("data_0", "One", "eng", "eng"), ("data_1", "Two", "eng", "eng")]


def test_half_a_parquet_file(tmp_path):
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    hub_file(path, ["One", "Two"])
    path.write_bytes(path.read_bytes()[:-20])
    assert problems(tmp_path, "svarah")[0][2] == "a whole Parquet file"


def test_rows_without_a_recording(tmp_path):
    path = tmp_path / "data" / "test-00000-of-00001.parquet"
    hub_file(path, ["One", "Two"], **{parquet.AUDIO: [{"bytes": b"RIFF", "path": "1.wav"}, None]})
    assert problems(tmp_path, "svarah") == [(f"{path}, group 0, row 1", "nothing in audio_filepath", "a recording")]


def test_other_columns(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    path = write(tmp_path / "data" / "test-00000-of-00001.parquet")
    pytest.importorskip("pyarrow.parquet").write_table(arrow.table({"audio": ["x"], "text": ["y"]}), path)
    assert problems(tmp_path, "svarah")[0][1:] == ("the columns audio, text", "audio_filepath as well")


def test_without_pyarrow(tmp_path, monkeypatch):
    write(tmp_path / "data" / "test-00000-of-00001.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingPackageError) as refused:
        read_manifest(tmp_path, "svarah")
    assert (refused.value.package, refused.value.wanted) == ("pyarrow", "pip install pyarrow")
