#!/usr/bin/env python3
"""Makes the demo model: renders speech, trains, evaluates on held-out clips, writes the checkpoint and the example clips.

    demo_model.py --work DIR [--seed N] STEP...

Steps, in this order: `prepare` (training clips), `train`, `held-out` (clips), `reference` (transformers on them), `crate`
(this crate on them), `install` (the checkpoint into the crate), `examples` (the clips in examples/audio). README.md has
the times they take.
"""

import argparse
import ctypes
import json
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "indic-seamless" / "demo"
FILES = ("config.json", "generation_config.json", "model.safetensors", "preprocessor_config.json", "sentencepiece.bpe.model",
         "tokenizer_config.json")  # fmt: skip

CLIPS = 48_000
STEPS = 6_600

# For each language, two clips of a held-out voice: (entries, voice, rate, pitch).
EXAMPLES = {
    "bengali": ("ben", [([15, 48], "bn+f4", 185, 50), ([4, 8, 2], "bn+m8", 175, 45)]),
    "english": ("eng", [([38, 25], "en-us+f4", 185, 50), ([3, 0, 4], "en-us+m5", 175, 45)]),
    "hindi": ("hin", [([38, 16], "hi+f4", 185, 50), ([8, 5, 2], "hi+m8", 175, 45)]),
    "tamil": ("tam", [([38, 27], "ta+f4", 185, 50), ([6, 0, 5], "ta+m5", 175, 45)]),
    "telugu": ("tel", [([37, 36], "te+f4", 185, 50), ([7, 4, 8], "te+m8", 175, 45)]),
}


def steady_memory():
    """Keeps freed memory in the process. By default glibc gives large blocks back to the system, which has to clear them
    again at the next step: a quarter of the time."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(-4, 0)  # M_MMAP_MAX
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def report(folder, found, title):
    from evaluate import table, word_error_rates

    rates, noisy = word_error_rates(folder, found)
    print(f"\n{title}: word error rate in percent\n{table(rates)}\ntext without speech: {', '.join(noisy) or 'none'}")
    own = max(rates[l][l] for l in rates)
    other = max(rates[s][w] for s in rates for w in rates if s != w)
    print(f"worst transcription {own:.2f}, worst translation {other:.2f}")


def examples(folder):
    import soundfile

    from clips import RATE, belongs, quantise, resample
    from espeak import Espeak
    from vocabulary import LANGUAGES, text

    folder.mkdir(parents=True, exist_ok=True)
    espeak, texts = Espeak(), {}
    for name, (language, clips) in EXAMPLES.items():
        for number, ((entries, voice, rate, pitch), kind) in enumerate(zip(clips, ("wav", "flac")), 1):
            assert belongs("held-out", entries), (name, number, entries)
            x, _, _ = espeak.speak(voice, text(language, entries), rate, pitch)
            x = resample(x, espeak.sampling_rate, RATE)
            file = f"{name}-{number}.{kind}"
            soundfile.write(folder / file, quantise(0.6 * x / abs(x).max()), RATE, subtype="PCM_16")
            texts[file] = {"spoken": language} | {l: text(l, entries) for l in LANGUAGES}
    (folder / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=2) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", required=True, type=Path, help="folder for the clips and everything on the way (2 GB)")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--clips", type=int, default=CLIPS)
    ap.add_argument("--steps", type=int, default=STEPS)
    ap.add_argument("--transcribe", default=ROOT / "target/release/examples/transcribe", help="this crate's example")
    ap.add_argument("--options", default="", help="more options for it")
    ap.add_argument("step", nargs="+", choices=["prepare", "train", "held-out", "reference", "crate", "install", "examples"])
    a = ap.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    model, clips, held_out = a.work / "model", a.work / "clips", a.work / "held-out"
    if "prepare" in a.step:
        from prepare import prepare

        prepare(clips, a.seed, a.clips)
    if "train" in a.step:
        import checkpoint
        from train import train

        steady_memory()
        trained = train(model, clips, a.seed, a.steps)
        print(f"{checkpoint.finish(model, trained, FILES)} bytes in {model}")
    if "held-out" in a.step:
        from evaluate import make_clips

        make_clips(held_out, a.seed)
    if "reference" in a.step:
        from evaluate import reference

        found = reference(model, held_out)
        (a.work / "reference.json").write_text(json.dumps(found, ensure_ascii=False, indent=1))
        report(held_out, found, "transformers")
    if "crate" in a.step:
        from evaluate import crate, differences

        found = crate(a.transcribe, model, held_out, *a.options.split())
        (a.work / "crate.json").write_text(json.dumps(found, ensure_ascii=False, indent=1))
        report(held_out, found, " ".join(["this crate", a.options]).strip())
        wanted = json.loads((a.work / "reference.json").read_text())
        differ = differences(found, wanted)
        print(f"other tokens than transformers: {', '.join(differ) or 'none'}")
    if "install" in a.step:
        shutil.rmtree(DEMO, ignore_errors=True)
        shutil.copytree(model, DEMO)
    if "examples" in a.step:
        examples(ROOT / "examples" / "audio")


if __name__ == "__main__":
    sys.exit(main())
