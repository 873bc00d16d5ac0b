"""Hypotheses on the disk: a run goes on where it was."""

import pytest

from indic_seamless.eval import Hypothesis, HypothesesError, SettingsError
from indic_seamless.eval.store import Store, read

SETTINGS = {"system": "f32", "beams": None, "weights": {"model.safetensors": "00"}}
FIRST, SECOND = Hypothesis("a", "एक\nदो", [[3, 5], [3]]), Hypothesis("b", "", error="damaged")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "hypotheses" / "f32.jsonl"
    with Store(path, SETTINGS) as store:
        assert store.done == {}
        store.add(FIRST)
        store.add(SECOND)
    return path


def test_a_second_run_has_what_the_first_made(path):
    with Store(path, SETTINGS) as store:
        assert store.done == {"a": FIRST, "b": SECOND}
        store.add(Hypothesis("c", "तीन"))
    assert read(path) == {"a": FIRST, "b": SECOND, "c": Hypothesis("c", "तीन")}


def test_a_line_is_on_the_disk_once_it_was_added(tmp_path):
    with Store(tmp_path / "f32.jsonl", SETTINGS) as store:
        store.add(FIRST)
        assert read(tmp_path / "f32.jsonl") == {"a": FIRST}


def test_a_cut_last_line_is_dropped_wherever_it_is_cut(path):
    whole = path.read_bytes()
    settings, first, _ = (line + b"\n" for line in whole.split(b"\n")[:3])
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with Store(path, SETTINGS) as store:
            wanted = {} if length < len(settings + first) else {"a": FIRST}
            assert store.done == wanted
            for one in (FIRST, SECOND):
                if one.id not in store.done:
                    store.add(one)
        assert path.read_bytes() == whole


def test_other_settings_are_refused_and_nothing_is_lost(path):
    whole = path.read_bytes()
    with pytest.raises(SettingsError) as refused:
        Store(path, SETTINGS | {"beams": 5})
    assert (refused.value.found, "5" in refused.value.wanted) == (None, True)
    assert "beams" in str(refused.value)
    with pytest.raises(SettingsError):
        Store(path, {name: value for name, value in SETTINGS.items() if name != "beams"} | {"retry": "auto"})
    assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"id": "c"}', b'{"id": 1, "text": ""}', b'{"id": "a", "text": ""}'])
def test_damage_in_the_middle_is_an_error(path, damage):
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], damage, *lines[2:]]))
    for open in (lambda: Store(path, SETTINGS), lambda: read(path)):
        with pytest.raises(HypothesesError) as refused:
            open()
        assert "line 3" in str(refused.value) or "line 4" in str(refused.value)


def test_a_file_that_is_no_run_is_not_overwritten(path):
    path.write_text("एक\n")
    with pytest.raises(HypothesesError):
        Store(path, SETTINGS)
    assert path.read_text() == "एक\n"


def test_hypotheses_of_other_systems_need_no_settings(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text('{"id": "a", "text": "एक", "model": "x"}\n\n{"id": "b", "text": ""}')
    assert read(path) == {"a": Hypothesis("a", "एक"), "b": Hypothesis("b", "")}
    path.write_text('{"id": "a", "text": "एक"}\n\n\n{"id": "b"}\n')
    with pytest.raises(HypothesesError, match="line 4"):
        read(path)
    with pytest.raises(HypothesesError):
        read(tmp_path / "none.jsonl")
