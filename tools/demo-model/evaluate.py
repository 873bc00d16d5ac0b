"""The held-out clips, what the reference makes of them, and how this crate's output compares."""

import json
import subprocess
from functools import partial
from multiprocessing import get_context

import numpy as np
import soundfile
import torch

from clips import RATE, clip, generator, noise, nothing_said, quantise, tones
from score import align
from vocabulary import LANGUAGES

PER_LANGUAGE = 200
PER_KIND = 25


def _speech(language, seed):
    """All clips of a language, by name."""
    return {f"{language}-{i:03}": clip("held-out", seed, i, language, quiet=0, long=0) for i in range(PER_LANGUAGE)}


def _others(seed):
    """What is no speech: silence, white noise, sines, music-like tones, and the mixture that training had."""
    made = {}
    for i in range(PER_KIND):
        r = generator(seed, "held-out", "others", i)
        n = int(RATE * r.uniform(0.3, 6))
        made[f"silence-{i:02}"] = np.zeros(n)
        made[f"white-{i:02}"] = r.standard_normal(n) * 10 ** r.uniform(-4, -0.8)
        made[f"sine-{i:02}"] = np.sin(2 * np.pi * r.uniform(40, 7000) * np.arange(n) / RATE) * r.uniform(0.01, 0.9)
        made[f"music-{i:02}"] = tones(n, r) * r.uniform(0.05, 0.9) + noise(n, r) * 10 ** r.uniform(-5, -2)
        made[f"mixed-{i:02}"] = nothing_said(r).samples
    return made


def make_clips(folder, seed):
    """Writes the clips as WAV, `clips.json` with what is said in them, and `manifest.jsonl` for `indic_seamless.eval`."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {}
    # A process a language, as espeak-ng keeps state.
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for language, clips in zip(LANGUAGES, pool.imap(partial(_speech, seed=seed), LANGUAGES)):
            for name, c in clips.items():
                soundfile.write(folder / f"{name}.wav", c.samples, RATE, subtype="PCM_16")
                about[name] = dict(language=language, recipe=c.recipe, text={l: c.text(l) for l in LANGUAGES})
    for name, samples in _others(seed).items():
        soundfile.write(folder / f"{name}.wav", quantise(samples.astype(np.float32)), RATE, subtype="PCM_16")
        about[name] = dict(language=None, recipe=name.split("-")[0], text=dict.fromkeys(LANGUAGES, ""))
    (folder / "clips.json").write_text(json.dumps(about, ensure_ascii=False, indent=1))
    (folder / "manifest.jsonl").write_text("".join(_manifest(about)))


def _manifest(about):
    """Every clip in every language. What is no speech counts as the language of the text."""
    for name, c in about.items():
        for language, text in c["text"].items():
            clip = dict(id=f"{name}:{language}", audio=f"{name}.wav", lang=c["language"] or language, target_lang=language, text=text)
            yield json.dumps(clip, ensure_ascii=False) + "\n"


def _transcribe(names, model, folder):
    from transformers import SeamlessM4TFeatureExtractor, SeamlessM4TTokenizer, SeamlessM4Tv2ForSpeechToText

    torch.set_num_threads(1)
    net = SeamlessM4Tv2ForSpeechToText.from_pretrained(model, dtype=torch.float32).eval()
    extract, tok = SeamlessM4TFeatureExtractor.from_pretrained(model), SeamlessM4TTokenizer.from_pretrained(model)
    found = {}
    for name in names:
        x, rate = soundfile.read(folder / f"{name}.wav", dtype="float32")
        inputs = extract(x, sampling_rate=rate, return_tensors="pt")
        found[name] = {}
        for language in LANGUAGES:
            with torch.no_grad():
                ids = net.generate(**inputs, tgt_lang=language)[0].tolist()
            found[name][language] = dict(tokens=ids, text=tok.decode(ids, skip_special_tokens=True))
    return found


def reference(model, folder, processes=2):
    """What transformers makes of every clip in every language, greedily."""
    names = sorted(json.loads((folder / "clips.json").read_text()))
    with get_context("spawn").Pool(processes) as pool:
        parts = pool.map(partial(_transcribe, model=model, folder=folder), [names[i::processes] for i in range(processes)])
    return {name: found for part in parts for name, found in part.items()}


def crate(program, model, folder, *options):
    """What this crate makes of them; `program` is the path of `indic-seamless`."""
    names = sorted(json.loads((folder / "clips.json").read_text()))
    found = {name: {} for name in names}
    for language in LANGUAGES:
        command = [program, "transcribe", "--model", model, "--lang", language, "--format", "json", "--segmentation", "none", *options]
        output = subprocess.run([*command, *(f"{n}.wav" for n in names)], cwd=folder, check=True, capture_output=True)
        for name, line in zip(names, map(json.loads, output.stdout.splitlines()), strict=True):
            assert line["file"] == f"{name}.wav"
            found[name][language] = dict(tokens=line["segments"][0]["tokens"], text=line["text"])
    return found


def word_error_rates(folder, found):
    """{spoken: {written: percent}}, and the clips without speech that gave text."""
    about = json.loads((folder / "clips.json").read_text())
    errors = {s: dict.fromkeys(LANGUAGES, 0) for s in LANGUAGES}
    words = {s: dict.fromkeys(LANGUAGES, 0) for s in LANGUAGES}
    noisy = []
    for name, c in about.items():
        for language in LANGUAGES:
            text, wanted = found[name][language]["text"].split(), c["text"][language].split()
            if c["language"]:
                errors[c["language"]][language] += align(text, wanted)[0]
                words[c["language"]][language] += len(wanted)
            elif text:
                noisy.append(f"{name} ({language})")
    return {s: {w: 100 * errors[s][w] / words[s][w] for w in LANGUAGES} for s in LANGUAGES}, noisy


def table(rates):
    lines = ["| spoken \\ written | " + " | ".join(LANGUAGES) + " |", "|---|" + "---:|" * len(LANGUAGES)]
    for spoken in LANGUAGES:
        lines.append(f"| {spoken} | " + " | ".join(f"{rates[spoken][w]:.2f}" for w in LANGUAGES) + " |")
    return "\n".join(lines)


def differences(a, b):
    """The clips and languages in which two outputs are not the same tokens."""
    return [f"{name} ({l})" for name in a for l in LANGUAGES if a[name][l]["tokens"] != b[name][l]["tokens"]]
