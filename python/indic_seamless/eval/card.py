"""``model-index``: the evaluation results in the metadata of a model on the Hugging Face hub.

The text goes into the YAML block at the top of the model's ``README.md``. Strings are written as JSON, which is YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .metrics import NAMES
from .report import Report
from .score import FORMS, Group, SystemScore

_TYPES = {"wer": ("wer", "WER"), "cer": ("cer", "CER"), "chrf++": ("chrf", "chrF++"), "bleu": ("bleu", "BLEU")}


def model_index(report: Report) -> str:
    """The block for all systems that ran here, a model for each. Error rates are percentages."""
    entries = [{"name": f"{report.model} ({system})", "results": list(_results(report, system))} for system in report.settings]
    return "\n".join(["model-index:", *_list(entries, "")]) + "\n"


def _results(report: Report, system: str) -> Iterator[dict[str, Any]]:
    for group in report.groups:
        # The hub has no place for several languages together.
        if group.source is None or group.target is None:
            continue
        dataset = {
            "name": f"{report.dataset}, {group.name}",
            "type": report.dataset,
            "config": report.configs.get(group.source),
            "split": report.split,
            "revision": report.dataset_revision,
        }
        yield {
            "task": _task(group),
            "dataset": {name: value for name, value in dataset.items() if value is not None},
            "metrics": list(_metrics(group.systems[system])),
        }


def _task(group: Group) -> dict[str, str]:
    if group.source == group.target:
        return {"type": "automatic-speech-recognition", "name": f"Speech recognition, {group.source}"}
    return {"type": "translation", "name": f"Speech translation, {group.source} to {group.target}"}


def _metrics(score: SystemScore) -> Iterator[dict[str, Any]]:
    for form in FORMS:
        for name in NAMES:
            found = score.figures[form].get(name)
            if found is not None:
                kind, title = _TYPES[name]
                value = 100 * found.value if name in ("wer", "cer") else found.value
                yield {"type": kind, "value": value, "name": f"{title}, {form}"}


def _list(values: list[Any], indent: str) -> Iterator[str]:
    for value in values:
        lines = list(_object(value, indent + "  "))
        yield f"{indent}- {lines[0].lstrip()}"
        yield from lines[1:]


def _object(value: dict[str, Any], indent: str) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield f"{indent}{name}:"
            yield from _object(inner, indent + "  ")
        elif isinstance(inner, list):
            yield f"{indent}{name}:"
            yield from _list(inner, indent)
        else:
            yield f"{indent}{name}: {json.dumps(inner, ensure_ascii=False)}"
