#!/usr/bin/env python3
"""Records what Hugging Face transformers makes of a few clips with a model, for `check MODEL --against OUT`.

Runs on a machine that has the weights, or may download them. OUT gets the layout of tests/golden: the clips in OUT/audio,
and in OUT/golden the tensors of every stage, tokens, texts and scores. The model computes in float32 on the CPU.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shutil
import sys
from pathlib import Path

import soundfile as sf
import torch
from reference import SEARCHES, Json, Reference, Tensors, show, versions, write_json
from safetensors.torch import save_file

try:
    import resource
except ImportError:  # On Windows.
    resource = None

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/audio"
CLIPS = ("hindi-1.wav", "tamil-1.wav", "english-1.wav")
LOSSLESS = ("WAV", "FLAC")  # Decoders of other formats round differently.
LONG_S = 10.0  # For longer clips the tensors of all stages take too much space.
FRONT = ("waveform_16k", "fbank", "input_features", "attention_mask", "dec.prefix", "dec.logits")


def files(folder: Path) -> dict[str, str]:
    """The SHA-256 of the files of a checkpoint."""
    sums = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".model") and path.is_file():
            with path.open("rb") as file:
                sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def copy(clip: Path, audio: Path) -> Json:
    """Puts a clip into the folder; returns what the manifest says of it."""
    info = sf.info(clip)
    path = audio / clip.name
    if info.format in LOSSLESS:
        shutil.copyfile(clip, path)
    else:
        path = path.with_suffix(".wav")
        samples, rate = sf.read(clip, dtype="float32", always_2d=True)
        sf.write(path, samples, rate, subtype="FLOAT")
    info = sf.info(path)
    return {"file": path.name, "sampling_rate": info.samplerate, "channels": info.channels, "subtype": info.subtype,
            "seconds": info.duration}  # fmt: skip


def chosen(tensors: Tensors, wanted: str, seconds: float, layers: int) -> Tensors:
    """The tensors to keep: of all stages, or of the ends of encoder and decoder."""
    if wanted == "all" or (wanted == "auto" and seconds <= LONG_S):
        return tensors
    if wanted == "none":
        return {}
    ends = FRONT + ("enc.feature_projection", "enc.conformer.0", "enc.encoder_layer_norm", "enc.encoder_out")
    return {name: tensor for name, tensor in tensors.items() if name in ends + ("dec.hidden.0", f"dec.hidden.{layers}")}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ai4bharat/indic-seamless", help="folder or id on the hub [%(default)s]")
    parser.add_argument("--revision", default="main", help="branch, tag or commit on the hub [%(default)s]")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is empty, or not there yet")
    parser.add_argument("--lang", action="append", metavar="CODE", help="language to write; may come often [hin]")
    parser.add_argument("--search", action="append", choices=list(SEARCHES), metavar="NAME",
                        help=f"search; may come often [greedy beam5]; of {' '.join(SEARCHES)}")  # fmt: skip
    parser.add_argument("--tensors", choices=["auto", "all", "ends", "none"], default="auto",
                        help=f"stages to keep: auto is all up to {LONG_S:g} s, else ends [%(default)s]")  # fmt: skip
    parser.add_argument("--max-new-tokens", type=int, default=128, help="[%(default)s]")
    parser.add_argument("--seed", type=int, default=20, help="of the forced prefixes and the noise [%(default)s]")
    parser.add_argument("--float64", action="store_true",
                        help="search again in float64, to see what hangs on rounding; twice the memory")  # fmt: skip
    parser.add_argument("--weight-noise", action="store_true", help="search again with noise of 1e-4 on the weights")
    parser.add_argument("clips", type=Path, nargs="*", metavar="CLIP", help="recordings [three of examples/audio]")
    args = parser.parse_args()
    args.lang = args.lang or ["hin"]
    args.search = args.search or ["greedy", "beam5"]
    args.clips = args.clips or [EXAMPLES / clip for clip in CLIPS]
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        parser.error(f"{args.out} is not empty")
    names = [clip.stem for clip in args.clips]
    if len(set(names)) < len(names):
        parser.error("two clips have the same name")
    for clip in args.clips:
        if not clip.is_file():
            parser.error(f"{clip}: no such file")
    return args


def main() -> None:
    args = arguments()
    torch.set_grad_enabled(False)
    print(f"loading {args.model}", flush=True)
    reference = Reference(args.model, args.seed, args.max_new_tokens, args.revision)
    known = reference.model.generation_config.text_decoder_lang_to_code_id
    if unknown := [language for language in args.lang if language not in known]:
        sys.exit(f"error: the model has no {' '.join(unknown)}; it has {' '.join(sorted(known))}")

    audio, golden = args.out / "audio", args.out / "golden"
    audio.mkdir(parents=True)
    golden.mkdir()
    folder = Path(args.model)
    manifest: Json = {"max_new_tokens": args.max_new_tokens, "seed": args.seed, "library_versions": versions()}
    manifest["recorded"] = {
        "model": folder.resolve().name if folder.is_dir() else args.model,
        "revision": getattr(reference.model.config, "_commit_hash", None),  # None for a folder.
        "sha256": files(folder) if folder.is_dir() else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }
    manifest |= {"clips": {}, "batches": {}}
    searches = [(language, search) for language in args.lang for search in args.search]
    for number, clip in enumerate(args.clips):
        print(f"recording {clip.name}", flush=True)
        notes = copy(clip, audio)
        # The inner stages of the first layer and the adapter are recorded for one clip only.
        tensors, info = reference.clip(clip.stem, audio / notes["file"], searches, inner=number == 0)
        tensors = chosen(tensors, args.tensors, notes["seconds"], reference.model.config.decoder_layers)
        if tensors:
            save_file(tensors, golden / f"{clip.stem}.safetensors")
        manifest["clips"][clip.stem] = notes | info
    if args.float64:
        print("searching again in float64", flush=True)
        reference.check_in_float64()
    if args.weight_noise:
        print("searching again with noise on the weights", flush=True)
        reference.check_with_weight_noise()
    write_json(golden / "manifest.json", manifest, indent=1)
    show(manifest)
    if resource:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(f"at most {peak / 1e9:.1f} GB of memory were taken")
    print(f"\nwritten to {args.out}. Now compare:\n\ncargo run --release --bin indic-seamless -- check {args.model} --against {args.out}")


if __name__ == "__main__":
    main()
