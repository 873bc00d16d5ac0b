#!/usr/bin/env python3
"""Writes a checkpoint of the published size with random float32 weights, 6 GB, to measure times with.

The configuration is the default one of transformers, which is that of the large model. The tokenizer is the demo
model's, filled up with pieces that no text has, so that every token that random weights lead to has a text.
"""

import argparse
import json
from pathlib import Path

import torch
import transformers as hf
from sentencepiece import sentencepiece_model_pb2

DEMO = Path(__file__).resolve().parents[2] / "indic-seamless" / "demo"
TAGS = 3  # <MINED_DATA>, <MMT_BT_DATA>, <SMT_BT_DATA>: the last rows of the embedding, unknown to the tokenizer.


def write_tokenizer(folder: Path, languages: list[str], vocabulary: int) -> hf.SeamlessM4TTokenizer:
    """Of so many tokens as there are rows of the embedding: padding, the pieces, the languages, the tags."""
    model = sentencepiece_model_pb2.ModelProto.FromString((DEMO / "sentencepiece.bpe.model").read_bytes())
    lowest = model.pieces[-1].score
    missing = vocabulary - 1 - len(languages) - TAGS - len(model.pieces)
    for i in range(missing):
        model.pieces.add(piece=f"▁w{i:x}", score=lowest - 1 - i)
    model.trainer_spec.vocab_size = len(model.pieces)
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(model.SerializeToString())
    names = [f"__{language}__" for language in languages]
    tokenizer = hf.SeamlessM4TTokenizer(
        str(path), additional_special_tokens=names, src_lang="eng", tgt_lang="hin", clean_up_tokenization_spaces=True
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_checkpoint(folder: Path, **smaller: int) -> None:
    folder.mkdir(parents=True)
    config = hf.SeamlessM4Tv2Config(**smaller)
    languages = sorted(json.loads((DEMO / "generation_config.json").read_text())["text_decoder_lang_to_code_id"])
    tokenizer = write_tokenizer(folder, languages, config.vocab_size)
    codes = {language: tokenizer.convert_tokens_to_ids(f"__{language}__") for language in languages}
    assert max(codes.values()) == config.vocab_size - 1 - TAGS
    hf.SeamlessM4TFeatureExtractor.from_pretrained(DEMO).save_pretrained(folder)

    torch.manual_seed(0)
    model = hf.SeamlessM4Tv2ForSpeechToText(config)  # Starts from random weights that are fit for training.
    model.generation_config = hf.GenerationConfig(
        bos_token_id=2, decoder_start_token_id=3, eos_token_id=3, pad_token_id=0, max_new_tokens=256,
        text_decoder_lang_to_code_id=codes,
    )  # fmt: skip
    model.save_pretrained(folder, max_shard_size="10GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    write_checkpoint(parser.parse_args().out)


if __name__ == "__main__":
    main()
