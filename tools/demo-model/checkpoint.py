"""The checkpoint around the weights: configuration, tokenizer, generation settings, in the Hugging Face layout."""

import io
import json
import shutil

import numpy as np
import sentencepiece as spm
import torch
from safetensors.torch import save_file
from sentencepiece import sentencepiece_model_pb2
from transformers import (GenerationConfig, SeamlessM4TFeatureExtractor, SeamlessM4TTokenizer, SeamlessM4Tv2Config,
                          SeamlessM4Tv2ForSpeechToText)  # fmt: skip

from vocabulary import ENTRIES, LANGUAGES

PIECES = 800
SPARE = 3  # rows of the embedding behind the languages that no token names, as in the published checkpoints
HIDDEN = 112


def config():
    return SeamlessM4Tv2Config(
        architectures=["SeamlessM4Tv2ForSpeechToText"],
        vocab_size=PIECES + 1 + len(LANGUAGES) + SPARE,
        hidden_size=HIDDEN,
        speech_encoder_layers=4, speech_encoder_attention_heads=7, speech_encoder_intermediate_size=224,
        decoder_layers=2, decoder_attention_heads=7, decoder_ffn_dim=320,
        # A text encoder and a vocoder are no part of speech to text: as small as they may be written down.
        encoder_layers=1, encoder_attention_heads=7, encoder_ffn_dim=112,
        t2u_encoder_layers=1, t2u_decoder_layers=1, t2u_encoder_ffn_dim=112, t2u_decoder_ffn_dim=112,
        max_new_tokens=256,
        # A model of this size has no capacity to spare for dropout.
        dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, adaptor_dropout=0.0, speech_encoder_dropout=0.0,
        speech_encoder_layerdrop=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
    )  # fmt: skip


def sentencepiece_model(seed):
    """BPE over the vocabulary, most words being one piece, with the normaliser of the published tokenizer."""
    r = np.random.Generator(np.random.PCG64(seed))
    lines = []
    for language in LANGUAGES:
        said = [e[language] for e in ENTRIES]
        lines += said * 20
        lines += [" ".join(r.choice(said, size=r.integers(2, 5))) for _ in range(300)]
    buffer = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=buffer, model_type="bpe", vocab_size=PIECES,
        character_coverage=1.0, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, num_threads=1,
        normalization_rule_name="nmt_nfkc", add_dummy_prefix=True, remove_extra_whitespaces=True, minloglevel=2,
        hard_vocab_limit=True,
    )  # fmt: skip
    model = sentencepiece_model_pb2.ModelProto.FromString(buffer.getvalue())
    model.trainer_spec.model_prefix = "demo"
    return model.SerializeToString()


def tokenizer(out, seed):
    pieces = out / "sentencepiece.bpe.model"
    pieces.write_bytes(sentencepiece_model(seed))
    made = SeamlessM4TTokenizer(str(pieces), additional_special_tokens=[f"__{l}__" for l in LANGUAGES],
                                clean_up_tokenization_spaces=True)  # fmt: skip
    made.save_pretrained(out)
    made = SeamlessM4TTokenizer.from_pretrained(out)
    for entry in ENTRIES:
        for language in LANGUAGES:
            ids = made.encode(entry[language], add_special_tokens=False)
            assert made.decode(ids) == entry[language] and 1 not in ids, entry[language]
    return made


def language_ids(tok):
    return {l: tok.convert_tokens_to_ids(f"__{l}__") for l in LANGUAGES}


def start(out, seed):
    """Writes everything but the weights. (model with its first weights, tokenizer)."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tok = tokenizer(out, seed)
    c = config()
    generation = GenerationConfig(bos_token_id=2, decoder_start_token_id=3, eos_token_id=3, pad_token_id=0, max_new_tokens=256)
    generation.text_decoder_lang_to_code_id = language_ids(tok)
    generation.save_pretrained(out)
    SeamlessM4TFeatureExtractor(language_code=[f"__{l}__" for l in LANGUAGES]).save_pretrained(out)
    c.save_pretrained(out)
    d = json.loads((out / "config.json").read_text())
    d.pop("dtype", None)
    d["torch_dtype"] = "float16"  # the key that the published checkpoints carry
    (out / "config.json").write_text(json.dumps(d, indent=2, sort_keys=True) + "\n")
    torch.manual_seed(seed)
    model = SeamlessM4Tv2ForSpeechToText(c)
    for name, weight in model.named_parameters():
        # The 0.02 of the configuration suits a hidden size of 1024; with 112 a model hardly begins to learn.
        if name == "shared.weight":
            torch.nn.init.normal_(weight, std=HIDDEN**-0.5)
        elif weight.dim() > 1 and "distance_embedding" not in name:
            torch.nn.init.xavier_uniform_(weight)
    return model, tok


def resume(out, begun, files, seed):
    """Copies everything but the weights from the checkpoint `begun`. (its model, tokenizer)."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in files:
        if name != "model.safetensors":
            shutil.copyfile(begun / name, out / name)
    model = SeamlessM4Tv2ForSpeechToText.from_pretrained(begun, dtype=torch.float32)
    torch.manual_seed(seed)
    return model, SeamlessM4TTokenizer.from_pretrained(out)


def finish(out, model, files):
    """Writes the weights, as float16, without the copies of the shared embedding; keeps `files`, and returns their size."""
    copies = ("lm_head.weight", "text_decoder.embed_tokens.weight")
    weights = {k: v.detach().to(torch.float16).contiguous() for k, v in model.state_dict().items() if k not in copies}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    for path in out.iterdir():
        path.chmod(0o644)
        if path.name not in files:
            path.unlink()
    return sum(path.stat().st_size for path in out.iterdir())
