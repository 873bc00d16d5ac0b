#!/usr/bin/env python3
"""Makes a golden folder: a small SeamlessM4T v2 checkpoint, clips, and what Hugging Face transformers makes of them.

OUT/model is a checkpoint in the Hugging Face layout, trained for a minute on the clips; OUT/audio has the clips, spoken
by espeak-ng or synthetic; OUT/golden has the reference outputs (CPU, float32). All is a function of options and seed.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sentencepiece as spm
import torch
import transformers as hf
from safetensors.torch import save_file
from sentencepiece import sentencepiece_model_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/reference"))
from clips import SPEECH, make_clips  # noqa: E402
from reference import (  # noqa: E402
    SEARCHES, Json, Model, Reference, Tensors, features, plain, rng, show, versions, waveform, write_json,
)  # fmt: skip

LANGUAGES = """
afr amh arb ary arz asm azj bel ben bos bul cat ceb ces ckb cmn cmn_Hant cym dan deu ell eng est eus fin fra fuv gaz gle
glg guj heb hin hrv hun hye ibo ind isl ita jav jpn kan kat kaz khk khm kir kor lao lit lug luo lvs mai mal mar mkd mlt
mni mya nld nno nob npi nya ory pan pbt pes pol por ron rus sat slk slv sna snd som spa srp swe swh tam tel tgk tgl tha
tur ukr urd uzn vie yor yue zlm zul""".split()
TAGS = 3  # <MINED_DATA>, <MMT_BT_DATA>, <SMT_BT_DATA>: the last rows of the embedding, unknown to the tokenizer.
TIED = ("lm_head.weight", "text_decoder.embed_tokens.weight")  # The same tensor as shared.weight, which is saved.
TRAINED_PIECES = 1000
PIECES = {"tiny": TRAINED_PIECES, "small": TRAINED_PIECES, "large": 256_000}
CONFIGS: dict[str, Json] = {
    "tiny": {"hidden_size": 64, "speech_encoder_layers": 3, "speech_encoder_attention_heads": 4, "decoder_layers": 2,
             "speech_encoder_intermediate_size": 128, "decoder_attention_heads": 4, "decoder_ffn_dim": 128},
    "small": {"hidden_size": 256, "speech_encoder_layers": 6, "speech_encoder_attention_heads": 8, "decoder_layers": 4,
              "speech_encoder_intermediate_size": 512, "decoder_attention_heads": 8, "decoder_ffn_dim": 1024},
    "large": {},
}  # fmt: skip


TARGETS = {f"{name}_16k": speech.targets for name, speech in SPEECH.items()} | {
    "hi_cut_16k": {"hin": "आज मौसम।", "eng": "The weather."},
    "silence_16k": {"eng": "", "hin": ""},
    "noise_16k": {"eng": " ".join(["the"] * 20)},
}

# What the pieces are learnt from, beside the targets.
SENTENCES = """The old teacher told the children to sit under the tall trees near the temple.
Two trains stop at this station in the morning, and three in the evening. What time does the shop open on Thursday?
We'll take the bus to the town and then walk along the river. Where did you put the key? It isn't on the table.
They don't want tea today; they want to drink some cold water. I've written a long letter to my best friend.
The boats return to the harbour before the storm! She sings very well, he plays the drum, and the others dance.
बच्चे पेड़ के नीचे बैठकर कहानी सुन रहे थे। क्या आप मुझे स्टेशन का रास्ता बता सकते हैं? हिन्दी और तमिल हमारे देश की बड़ी भाषाएँ हैं।
दुकान सुबह दस बजे खुलती है और रात को बंद होती है। उसने अपने मित्र को एक लंबा पत्र लिखा।
নদীর ধারে একটা পুরনো বটগাছ আছে। তুমি কি আজ বিকেলে আমাদের বাড়ি আসবে? দোকানটা সকাল দশটায় খোলে।
குழந்தைகள் மரத்தின் கீழே விளையாடுகிறார்கள். கடை காலை பத்து மணிக்குத் திறக்கும். நீங்கள் எங்கே போகிறீர்கள்?
పిల్లలు చెట్టు కింద ఆడుకుంటున్నారు. మీరు ఎక్కడికి వెళ్తున్నారు? దుకాణం ఉదయం పది గంటలకు తెరుస్తారు.
मुले झाडाखाली खेळत आहेत. तुम्ही कुठे जात आहात? બાળકો ઝાડ નીચે રમે છે. તમે ક્યાં જાઓ છો?
ಮಕ್ಕಳು ಮರದ ಕೆಳಗೆ ಆಡುತ್ತಿದ್ದಾರೆ. ನೀವು ಎಲ್ಲಿಗೆ ಹೋಗುತ್ತಿದ್ದೀರಿ? കുട്ടികൾ മരത്തിന്റെ ചുവട്ടിൽ കളിക്കുന്നു. നിങ്ങൾ എവിടേക്കാണ് പോകുന്നത്?
ਬੱਚੇ ਰੁੱਖ ਹੇਠਾਂ ਖੇਡ ਰਹੇ ਹਨ। ਤੁਸੀਂ ਕਿੱਥੇ ਜਾ ਰਹੇ ਹੋ? ପିଲାମାନେ ଗଛ ତଳେ ଖେଳୁଛନ୍ତି। ল'ৰা-ছোৱালীবোৰে গছৰ তলত খেলি আছে।
بچے درخت کے نیچے کھیل رہے ہیں۔ آپ کہاں جا رہے ہیں؟ केटाकेटीहरू रूखमुनि खेलिरहेका छन्।""".splitlines()

CHUNKS = ((16, 1), (16, 0), (7, -1), (10, 128))  # speech_encoder_chunk_size, speech_encoder_left_chunk_num
BATCHES = (("hi_16k", "te_16k"), ("noise_16k", "en_16k"), ("hi_cut_16k", "te_16k"))

# Texts for the tokenizer.
ENCODED = ("Hello world", "  two  spaces ", "आज मौसम अच्छा है।", "இன்று வானிலை நன்றாக உள்ளது.", "unseen 字 char", "",
           "it 's a test , isn't it ?", "ＦＵＬＬｗｉｄｔｈ ½ ﬁ", "▁under▁score", "The weather", "¿Qué?",
           "हि न्दी", "a\nb\tc", "__hin__ text", "é vs e\u0301", "x </s> y")  # fmt: skip
DECODED = ("it 's a test , isn't it ?", "I 'm here . OK !", "we 've  done", "आज मौसम अच्छा है।", "do n't ' x '")


def pieces(count: int) -> bytes:
    """A BPE model of sentencepiece, filled up to the number of the real one with pieces that no text has."""
    buffer = io.BytesIO()
    sentences = SENTENCES + [text for targets in TARGETS.values() for text in targets.values() if text]
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=buffer, model_type="bpe", vocab_size=TRAINED_PIECES,
        character_coverage=1.0, pad_id=-1, num_threads=1, minloglevel=2,
    )  # fmt: skip
    model = sentencepiece_model_pb2.ModelProto.FromString(buffer.getvalue())
    lowest = model.pieces[-1].score
    for i in range(TRAINED_PIECES, count):
        model.pieces.add(piece=("▁" if i % 3 == 0 else "") + f"w{i:x}", score=lowest - 1 - (i - TRAINED_PIECES))
    model.trainer_spec.vocab_size = count
    return model.SerializeToString()


def make_tokenizer(folder: Path, count: int) -> hf.SeamlessM4TTokenizer:
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(pieces(count))
    names = [f"__{language}__" for language in LANGUAGES]
    tokenizer = hf.SeamlessM4TTokenizer(str(path), additional_special_tokens=names, clean_up_tokenization_spaces=True)
    tokenizer.save_pretrained(folder)
    if count == TRAINED_PIECES:  # The conversion of more is slow.
        fast = hf.SeamlessM4TTokenizerFast.from_pretrained(folder, from_slow=True)
        fast.backend_tokenizer.save(str(folder / "tokenizer.json"))
    assert tokenizer.convert_tokens_to_ids(names) == list(range(count + 1, count + 1 + len(names)))
    return tokenizer


def make_configs(folder: Path, size: str, dtype: str, tokenizer: hf.SeamlessM4TTokenizer) -> hf.SeamlessM4Tv2Config:
    config = hf.SeamlessM4Tv2Config(vocab_size=len(tokenizer) + TAGS, **CONFIGS[size])
    config.architectures = ["SeamlessM4Tv2ForSpeechToText"]
    keys = config.to_diff_dict() | {"torch_dtype": dtype}  # The key of published checkpoints.
    keys.pop("dtype", None)
    write_json(folder / "config.json", keys, indent=2, sort_keys=True)
    codes = {language: tokenizer.convert_tokens_to_ids(f"__{language}__") for language in LANGUAGES}
    hf.GenerationConfig(
        bos_token_id=2, decoder_start_token_id=3, eos_token_id=3, pad_token_id=0, max_new_tokens=256,
        text_decoder_lang_to_code_id=codes, t2u_lang_code_to_id={"eng": 10043}, vocoder_lang_code_to_id={"eng": 8},
        id_to_text={str(i): tokenizer.convert_ids_to_tokens(i) for i in range(64)}, char_to_id={"a": 4},
    ).save_pretrained(folder)  # fmt: skip
    hf.SeamlessM4TFeatureExtractor(language_code=[f"__{language}__" for language in LANGUAGES]).save_pretrained(folder)
    return config


def shapes(config: hf.SeamlessM4Tv2Config) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = Model(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name not in TIED}


def random_weight(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Of a size that neither explodes nor vanishes, and nowhere just 0 or 1, where a mistake would not be seen."""
    x = torch.from_numpy(rng(seed, name).standard_normal(shape, dtype=np.float32))
    module, leaf = name.split(".")[-2:]
    if name == "shared.weight":
        return x / math.sqrt(shape[1])
    if "layer_norm" in module:
        return 0.1 * x + (1.0 if leaf == "weight" else 0.0)
    if leaf == "bias":
        return 0.05 * x
    return x * (0.6 if module == "distance_embedding" else 1.2 / math.sqrt(math.prod(shape[1:])))


def save_weights(
    folder: Path, sizes: dict[str, int], tensor: Callable[[str], torch.Tensor], dtype: torch.dtype, shards: int
) -> None:
    """Writes shards of like size, each made when its turn comes, as a large checkpoint fills the memory."""
    total, done = sum(sizes.values()), 0
    groups: list[list[str]] = [[] for _ in range(shards)]
    for name, size in sizes.items():
        groups[done * shards // total].append(name)
        done += size
    groups = [group for group in groups if group]
    places: dict[str, str] = {}
    for i, group in enumerate(groups, 1):
        file = f"model-{i:05}-of-{len(groups):05}.safetensors" if shards > 1 else "model.safetensors"
        save_file({name: tensor(name).to(dtype).contiguous() for name in group}, folder / file, {"format": "pt"})
        places |= dict.fromkeys(group, file)
    if shards > 1:
        index = {"metadata": {"total_size": total * dtype.itemsize}, "weight_map": places}
        write_json(folder / "model.safetensors.index.json", index, indent=2, sort_keys=True)


def train(folder: Path, audio: Path, config: hf.SeamlessM4Tv2Config, start: Tensors, steps: int, seed: int) -> Tensors:
    """Weights with which clips and languages lead to texts of their own, as random ones repeat one token for ever.

    The smoothing of the labels keeps other tokens possible, so that beams have something to search.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    model = Model(config).eval()  # No dropout.
    model.load_state_dict(start, strict=False)
    model.tie_weights()
    tokenizer = hf.SeamlessM4TTokenizer.from_pretrained(folder)
    clips, sequences = [], []
    for clip, targets in TARGETS.items():
        for language, text in targets.items():
            tokenizer.tgt_lang = language
            clips.append(waveform(audio / f"{clip}.wav"))
            sequences.append(torch.tensor(tokenizer(text_target=text)["input_ids"]))
    inputs = features(hf.SeamlessM4TFeatureExtractor.from_pretrained(folder), clips)
    clean, mask = inputs["input_features"], inputs["attention_mask"]
    padded = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=-100)
    prompts, labels = padded[:, :-1].clamp(min=0), padded[:, 1:].clone()
    labels[:, 0] = -100  # The language is given.

    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1, (i + 1) / 40) * (1 - i / steps) + 0.01)
    for step in range(steps):
        noisy = clean + 0.05 * torch.randn(clean.shape) * mask[..., None]
        logits = model(input_features=noisy, attention_mask=mask, decoder_input_ids=prompts, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=0.2)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rate.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


@torch.no_grad()
def make_goldens(reference: Reference, audio: Path, out: Path, clips: dict[str, Json], with_tensors: bool) -> Json:
    """Writes the tensors; returns the manifest's part on the clips, batches and chunks."""
    manifest: Json = {"clips": {}, "batches": {}}
    waveforms = {name: waveform(audio / clip["file"]) for name, clip in clips.items()}

    def save(name: str, tensors: Tensors) -> None:
        if with_tensors:
            save_file(tensors, out / f"{name}.safetensors")

    for name, clip in clips.items():
        stem = name.split("_")[0]
        full = stem in SPEECH and name.endswith("_16k")
        first, *others = SPEECH[stem].tested if stem in SPEECH else ("eng",)
        searches = [(first, search) for search in (SEARCHES if full else ("greedy", "beam5"))]
        if full:
            searches += [(other, search) for other in others for search in ("greedy", "beam4", "beam5")]
        tensors, info = reference.clip(name, audio / clip["file"], searches, inner=full and stem == "hi")
        save(name, tensors)
        manifest["clips"][name] = clip | info

    for members in BATCHES:
        name = "batch_" + "_".join(member.removesuffix("_16k") for member in members)
        batch = features(reference.extractor, [waveforms[member] for member in members])
        stages = reference.stages(batch, reference.prefix(name, ["eng", "hin"]), inner=True)
        save(name, batch | stages)
        differences = []  # To the members alone.
        for member, encoded in zip(members, stages["enc.encoder_out"]):
            inputs = features(reference.extractor, [waveforms[member]])
            length = int(inputs["attention_mask"].sum()) // 8 + 1
            alone = reference.encode(inputs)[0]
            differences.append((encoded[:length] - alone[:length]).abs().amax(-1).tolist())
        searches = [("eng", search) for search in ("greedy", "beam4", "beam5", "beam5_early", "beam5_lp2")]
        mask = batch["attention_mask"]
        lengths = {"members": members, "frames": mask.sum(1).tolist(), "stacked": mask.shape[1]}
        lengths["abs_diff_to_single_run_per_position"] = differences
        manifest["batches"][name] = lengths | {"generate": reference.generations(batch, searches)}

    if with_tensors:
        manifest["chunk_variants"] = []
        config, inputs = reference.model.config, features(reference.extractor, [waveforms["hi_16k"]])
        kept = config.speech_encoder_chunk_size, config.speech_encoder_left_chunk_num
        for size, left in CHUNKS:
            config.speech_encoder_chunk_size, config.speech_encoder_left_chunk_num = size, left
            name = f"chunk_{size}_{left}_hi_16k"
            save(name, {"enc.encoder_out": plain(reference.encode(inputs))})
            variant = {"chunk_size": size, "left_chunk_num": left, "clip": "hi_16k", "file": f"{name}.safetensors"}
            manifest["chunk_variants"].append(variant)
        config.speech_encoder_chunk_size, config.speech_encoder_left_chunk_num = kept
    reference.check_in_float64()
    reference.check_with_weight_noise()
    return manifest


def tokenizer_cases(folder: Path, seed: int) -> dict[str, list[Json]]:
    slow = hf.SeamlessM4TTokenizer.from_pretrained(folder)
    both = {"slow": slow}
    if (folder / "tokenizer.json").exists():
        both["fast"] = hf.SeamlessM4TTokenizerFast.from_pretrained(folder)
    cases: dict[str, list[Json]] = {"encode": [], "decode": [], "target": []}
    for text in ENCODED:
        for language in ("eng", "hin"):
            case: Json = {"text": text, "src_lang": language}
            for kind, tokenizer in both.items():
                tokenizer.src_lang = language
                case[kind] = tokenizer(text, padding=False)["input_ids"]
            cases["encode"].append(case)
    slow.tgt_lang = "tam"
    for text in ENCODED[:4]:
        ids = slow(text_target=text, padding=False)["input_ids"]
        cases["target"].append({"text": text, "tgt_lang": slow.tgt_lang, "ids": ids})

    numbers, hindi = rng(seed, "decode"), slow.convert_tokens_to_ids("__hin__")
    rows = [numbers.integers(0, len(slow), 12).tolist() for _ in range(24)]
    rows += [[3, hindi, 3], [0, 0], [4], [1], [2, 3]]
    rows += [[3, hindi, *slow.encode(text, add_special_tokens=False), 3, 0, 0] for text in DECODED]
    for row in rows:
        case = {"ids": row, "slow_default_skip1": slow.decode(row, skip_special_tokens=True)}
        for kind, tokenizer in both.items():
            for skip, clean in ((True, True), (True, False), (False, True), (False, False)):
                text = tokenizer.decode(row, skip_special_tokens=skip, clean_up_tokenization_spaces=clean)
                case[f"{kind}_skip{skip:d}_clean{clean:d}"] = text
        cases["decode"].append(case)
    return cases


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a folder that is empty, or not there yet")
    parser.add_argument("--size", choices=list(CONFIGS), default="tiny", help="large is the published shape, 6 GB")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--train-steps", type=int, help="default: 400, or 0 for large")
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--no-audio", action="store_true", help="only the checkpoint, with random weights")
    parser.add_argument("--no-golden", action="store_true", help="only the checkpoint and the clips")
    parser.add_argument("--no-tensors", action="store_true", help="of the reference outputs only ids, scores and texts")
    args = parser.parse_args()
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        parser.error(f"{args.out} is not empty")
    if args.train_steps is None:
        args.train_steps = 0 if args.size == "large" else 400
    return args


def main() -> None:
    args = arguments()
    torch.set_num_threads(1)  # The order of sums, and so the weights, would hang on the number.
    model, audio, golden = (args.out / name for name in ("model", "audio", "golden"))
    model.mkdir(parents=True)
    config = make_configs(model, args.size, args.dtype, make_tokenizer(model, PIECES[args.size]))
    shape_of = shapes(config)
    clips: dict[str, Json] = {}
    if not args.no_audio:
        audio.mkdir()
        clips = make_clips(audio, args.seed)

    def weight(name: str) -> torch.Tensor:
        return random_weight(name, shape_of[name], args.seed)

    if clips and args.train_steps > 0:
        start = {name: weight(name) for name in shape_of}
        weight = train(model, audio, config, start, args.train_steps, args.seed).__getitem__
    sizes = {name: math.prod(shape) for name, shape in shape_of.items()}
    save_weights(model, sizes, weight, getattr(torch, args.dtype), args.shards)
    if not clips or args.no_golden:
        return

    golden.mkdir()
    reference = Reference(model, args.seed, args.max_new_tokens)
    manifest: Json = {"size": args.size, "seed": args.seed, "max_new_tokens": args.max_new_tokens}
    manifest["library_versions"] = versions()
    manifest["note"] = "ids are whole decoder sequences: they start with [3, language]; 3 ends a text"
    manifest |= make_goldens(reference, audio, golden, clips, not args.no_tensors)
    write_json(golden / "manifest.json", manifest, indent=1)
    write_json(golden / "tokenizer.json", tokenizer_cases(model, args.seed), indent=1)
    show(manifest)


if __name__ == "__main__":
    main()
