"""FLEURS as in ``google/fleurs`` on the hub: ``data/hi_in/test.tsv`` and ``data/hi_in/audio/test.tar.gz``, unpacked.

A line of ``test.tsv`` has seven columns, without a header or quotes: the number of the sentence, the name of the recording, the
sentence as written, the sentence in small letters without punctuation, its characters, the number of samples, and the gender.
The number of a sentence is the same in all languages, so that the data set also measures translation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import languages
from ..clip import Clip, Manifest
from ..errors import Problems
from .lines import text_lines
from .wanted import Wanted

_COLUMNS = 7
_CODES = {"ckb_iq": "ckb", "fil_ph": "tgl", "cmn_hans_cn": "cmn", "yue_hant_hk": "yue", "nb_no": "nob", "sw_ke": "swh"}
"""Languages whose name does not begin with a code that is known elsewhere."""


def _sentences(file: Path, problems: Problems) -> Iterator[tuple[str, str, str]]:
    """Number, recording and sentence of each line."""
    for where, line in text_lines(file, problems):
        cells = line.split("\t")
        if len(cells) != _COLUMNS:
            problems.add(where, f"{len(cells)} columns", f"{_COLUMNS}")
            continue
        yield cells[0], cells[1], cells[2]


def _folders(root: Path, split: str, wanted: Wanted, problems: Problems) -> dict[str, Path]:
    """The folder of each wanted language, by its code."""
    found: dict[str, Path] = {}
    for file in sorted(root.glob(f"*/{split}.tsv")):
        name = file.parent.name
        code = _CODES.get(name, name.split("_")[0])
        if not wanted.sources:
            known = languages.checked(code, file.parent, problems)
        else:
            known = next((one for one in wanted.sources | wanted.targets if code in (one, languages.tags()[one])), None)
        if known is not None:
            found[known] = file.parent
    for code in sorted((wanted.sources | wanted.targets) - found.keys()):
        problems.add(root, f"no folder with {split}.tsv for {code}", f"one such as {languages.tags()[code]}_in")
    return found


def _audio(folder: Path, split: str, problems: Problems) -> Path | None:
    for place in (folder / "audio" / split, folder / split):
        if place.is_dir():
            return place
    packed = folder / "audio" / f"{split}.tar.gz"
    found = f"{packed} only" if packed.exists() else "nothing"
    problems.add(folder / "audio" / split, found, f"the recordings: tar -xzf {packed} -C {folder / 'audio'}")
    return None


def read(path: Path, wanted: Wanted, problems: Problems) -> Manifest:
    """Reads the folders of the wanted languages below ``path`` or ``path/data``."""
    root = path / "data" if (path / "data").is_dir() else path
    split = wanted.split or "test"
    folders = _folders(root, split, wanted, problems)
    references = {
        target: {number: text for number, _, text in _sentences(folders[target] / f"{split}.tsv", problems)}
        for target in sorted(wanted.targets & folders.keys())
    }
    left_out = 0
    clips: list[Clip] = []
    for source, folder in folders.items():
        audio = _audio(folder, split, problems) if wanted.speaks(source) else None
        if audio is None:
            continue
        for number, name, sentence in _sentences(folder / f"{split}.tsv", problems):
            for target in references or [source]:
                text = sentence if target == source else references[target].get(number)
                if text is None:
                    left_out += 1
                    continue
                id = f"{folder.name}/{Path(name).stem}" + ("" if target == source else f":{target}")
                clips.append(Clip(id, audio / name, text, source, target))
    configs = {source: folder.name for source, folder in folders.items()}
    return Manifest(path, list(wanted.of(clips)), "fleurs", "google/fleurs", split, configs, left_out)
