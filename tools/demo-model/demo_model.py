#!/usr/bin/env python3
"""Makes the demo model: renders speech, trains, evaluates on held-out clips, writes the checkpoint and the example clips.

    demo_model.py --work DIR [--seed N] STEP...

Steps, in this order: `prepare` (training clips), `train`, `prepare-edges` (clips cut close to the speech, between other
sounds), `refine` (trains on, with them), `held-out` (clips), `reference` (transformers on them), `crate` (this crate on
them), `install` (the checkpoint into the crate), `examples` (the clips in examples/audio). README.md has the times they
take.

    demo_model.py recording|words|nothing|score-recording|score-words|score-nothing|self-test ...

make long recordings and clips with the times of their words, and score this crate's JSON on them; each has --help.
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

MEASURES = ("recording", "words", "nothing", "score-recording", "score-words", "score-nothing", "self-test")

CLIPS = 48_000
STEPS = 6_600
EDGE_CLIPS = 20_000
EDGE_STEPS = 1_600

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


def measure(arguments):
    """Long recordings and the times of words. What makes them is in `recordings.py`, what scores them in `score.py`."""
    from vocabulary import LANGUAGES

    ap = argparse.ArgumentParser(prog="demo_model.py")
    commands = ap.add_subparsers(dest="command", required=True)

    def command(name, about):
        return commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")

    def maker(name, about, seed):
        c = command(name, about)
        c.add_argument("--out", required=True, type=Path, help="folder for the files")
        c.add_argument("--seed", type=int, default=seed, help=f"another one makes others ({seed})")
        return c

    def scorer(name, about, truth):
        c = command(name, about)
        c.add_argument("truth", type=Path, help=truth)
        c.add_argument("found", type=Path, help="output of `transcribe --format json` on the files")
        return c

    c = maker("recording", "makes a long recording of known content, and its clips one by one", 7)
    c.add_argument("--language", default="hin", choices=LANGUAGES)
    c.add_argument("--minutes", type=float, default=30)
    c = maker("words", "makes clips with the times of their words", 11)
    c.add_argument("--languages", nargs="+", default=LANGUAGES, choices=LANGUAGES)
    c.add_argument("--clips", type=int, default=200, help="of each language (200)")
    c = maker("nothing", "makes recordings in which nobody speaks", 7)
    c.add_argument("--minutes", type=float, default=60, help="of noise (60)")
    c.add_argument("--music-minutes", type=float, default=20, help="of music-like tones (20)")
    c = scorer("score-recording", "scores the transcript of a long recording", "truth.json of `recording`")
    c.add_argument("clips", type=Path, nargs="?", help="the same of clip-*.wav, to compare with")
    scorer("score-words", "scores the times of words", "words.json of `words`, or truth.json of `recording`")
    scorer("score-nothing", "shows what was found where nobody speaks", "nothing.json of `nothing`")
    command("self-test", "checks the scores on made-up transcripts")
    a = ap.parse_args(arguments)

    if a.command in ("recording", "words", "nothing"):
        import recordings
    else:
        import score
    if a.command == "recording":
        recordings.recording(a.out, a.language, a.minutes, a.seed)
    elif a.command == "words":
        recordings.words(a.out, a.languages, a.clips, a.seed)
    elif a.command == "nothing":
        recordings.nothing(a.out, a.minutes, a.music_minutes, a.seed)
    elif a.command == "score-recording":
        score.score_recording(a.truth, a.found, a.clips)
    elif a.command == "score-words":
        score.score_words(a.truth, a.found)
    elif a.command == "score-nothing":
        score.score_nothing(a.truth, a.found)
    else:
        score.self_test()


def main():
    if sys.argv[1:2] and sys.argv[1] in MEASURES:
        return measure(sys.argv[1:])
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", required=True, type=Path, help="folder for the clips and everything on the way (2 GB)")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--clips", type=int, default=CLIPS)
    ap.add_argument("--steps", type=int, default=STEPS)
    ap.add_argument("--program", default=ROOT / "target/release/indic-seamless", help="this project's program")
    ap.add_argument("--options", default="", help="more options for its `transcribe`")
    ap.add_argument("--edge-clips", type=int, default=EDGE_CLIPS)
    ap.add_argument("--edge-steps", type=int, default=EDGE_STEPS)
    ap.add_argument("--trained", type=Path, help="what `refine` begins with, if not what `train` made")
    ap.add_argument("step", nargs="+", choices=["prepare", "train", "prepare-edges", "refine", "held-out", "reference", "crate",
                                                "install", "examples"])  # fmt: skip
    a = ap.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    model, clips, held_out = a.work / "model", a.work / "clips", a.work / "held-out"
    trained, edge_clips = a.work / "trained", a.work / "edge-clips"
    if "prepare" in a.step:
        from prepare import prepare

        prepare(clips, a.seed, a.clips)
    if "train" in a.step:
        import checkpoint
        from train import train

        steady_memory()
        made = train(*checkpoint.start(trained, a.seed), clips, a.seed, a.steps)
        print(f"{checkpoint.finish(trained, made, FILES)} bytes in {trained}")
    if "prepare-edges" in a.step:
        from prepare import prepare

        prepare(edge_clips, a.seed, a.edge_clips, first=a.clips, edges=True)
    if "refine" in a.step:
        import checkpoint
        from train import refine

        steady_memory()
        made = refine(*checkpoint.resume(model, a.trained or trained, FILES, a.seed), edge_clips, a.seed, a.edge_steps)
        print(f"{checkpoint.finish(model, made, FILES)} bytes in {model}")
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

        found = crate(a.program, model, held_out, *a.options.split())
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
