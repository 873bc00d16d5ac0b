#!/usr/bin/env python3
"""Builds and times the models of CTranslate2 that come closest to SeamlessM4T v2; prints a JSON object.

CTranslate2 cannot run the model itself, but has the shapes of its two parts:

- the text decoder is that of NLLB-1.3B, 24 layers; one encoder layer stands before it, as only the decoder is timed;
- the speech encoder is that of Wav2Vec2-BERT: 24 conformer layers and an adapter, which halves the length instead of
  dividing it by eight.

Weights are random, and int8 as CTranslate2 quantizes them. The keys are those of `measure.rs`. The first token contains
the one encoder layer, and has one token before it instead of two.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import TransformerSpec, attention_spec, common_spec, model_spec, wav2vec2bert_spec

from timing import BEAMS, repeat, summary

LAYERS, HEADS, HIDDEN = 24, 16, 1024
DECODER_FFN, ENCODER_FFN = 8192, 4096
VOCABULARY = 256_206
FEATURES, KERNEL, ADAPTER_KERNEL, LEFT, RIGHT = 160, 31, 3, 64, 8
STRIDE = 8  # Of SeamlessM4T's adapter: how many frames become one position that the decoder attends to.

random = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    """Of a size that keeps that of what they multiply."""
    return random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(np.prod(shape[1:])))


def fill_linear(spec: common_spec.LinearSpec, outputs: int, inputs: int) -> None:
    spec.weight = weights(outputs, inputs)
    spec.bias = np.zeros(outputs, dtype=np.float32)


def fill_norms(spec: model_spec.LayerSpec) -> None:
    """All normalizations inside of a specification."""

    def fill(layer: model_spec.LayerSpec, _name: str, _value: Any) -> None:
        if isinstance(layer, common_spec.LayerNormSpec):
            layer.gamma = np.ones(HIDDEN, dtype=np.float32)
            layer.beta = np.zeros(HIDDEN, dtype=np.float32)

    model_spec.visit_spec(spec, fill)


def fill_self_attention(spec: attention_spec.MultiHeadAttentionSpec) -> None:
    """Queries, keys and values are one matrix."""
    fill_linear(spec.linear[0], 3 * HIDDEN, HIDDEN)
    fill_linear(spec.linear[1], HIDDEN, HIDDEN)


def fill_cross_attention(spec: attention_spec.MultiHeadAttentionSpec) -> None:
    """Keys and values are one matrix."""
    fill_linear(spec.linear[0], HIDDEN, HIDDEN)
    fill_linear(spec.linear[1], 2 * HIDDEN, HIDDEN)
    fill_linear(spec.linear[2], HIDDEN, HIDDEN)


def fill_ffn(spec: model_spec.LayerSpec, inner: int) -> None:
    fill_linear(spec.linear_0, inner, HIDDEN)
    fill_linear(spec.linear_1, HIDDEN, inner)


def translator(layers: int, vocabulary: int) -> TransformerSpec:
    spec = TransformerSpec.from_config((1, layers), HEADS)
    fill_norms(spec)
    for layer in spec.encoder.layer + spec.decoder.layer:
        fill_self_attention(layer.self_attention)
        fill_ffn(layer.ffn, DECODER_FFN)
    for layer in spec.decoder.layer:
        fill_cross_attention(layer.attention)
    embedding = weights(vocabulary, HIDDEN)
    spec.encoder.embeddings[0].weight = embedding
    spec.decoder.embeddings.weight = embedding
    spec.decoder.projection.weight = embedding
    tokens = ["<s>", "<pad>", "</s>", "<unk>"] + [f"t{i}" for i in range(4, vocabulary)]
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.decoder_start_token = "</s>"
    return spec


def speech_encoder(layers: int) -> wav2vec2bert_spec.Wav2Vec2BertSpec:
    tokens = ["<pad>", "<unk>"]
    # The adapters come first, as in CTranslate2's own converter, whatever the parameters are called.
    spec = wav2vec2bert_spec.Wav2Vec2BertSpec(1, layers, len(tokens), return_hidden=True)
    spec.register_vocabulary(tokens)
    fill_norms(spec)
    spec.encoder.fp_layer_norm.gamma = np.ones(FEATURES, dtype=np.float32)
    spec.encoder.fp_layer_norm.beta = np.zeros(FEATURES, dtype=np.float32)
    fill_linear(spec.encoder.fp_projection, HIDDEN, FEATURES)
    for layer in spec.encoder.encoder_layers:
        fill_ffn(layer.enc_ffn1, ENCODER_FFN)
        fill_ffn(layer.enc_ffn2, ENCODER_FFN)
        fill_self_attention(layer.enc_attn)
        layer.enc_attn.relative_asymmetric_position_keys = weights(LEFT + 1 + RIGHT, HIDDEN // HEADS)
        layer.enc_attn.relative_left_max_position = np.int32(LEFT)
        layer.enc_attn.relative_right_max_position = np.int32(RIGHT)
        layer.enc_conv_pointwise_conv1.weight = weights(2 * HIDDEN, HIDDEN, 1)
        layer.enc_conv_depthwise_conv.weight = weights(HIDDEN, 1, KERNEL)
        layer.enc_conv_pointwise_conv2.weight = weights(HIDDEN, HIDDEN, 1)
    for layer in spec.encoder.adapter_layers:
        for convolution in (layer.adpt_residual_conv, layer.adpt_attn_conv):
            convolution.weight = weights(2 * HIDDEN, HIDDEN, ADAPTER_KERNEL)
            convolution.bias = np.zeros(2 * HIDDEN, dtype=np.float32)
        fill_self_attention(layer.adpt_attn_layer)
        fill_ffn(layer.adpt_ffn, ENCODER_FFN)
    return spec


def save(spec: model_spec.ModelSpec, folder: Path) -> None:
    spec.validate()
    spec.optimize("int8")
    folder.mkdir(parents=True)
    spec.save(str(folder))


def build(folder: Path, layers: int, vocabulary: int) -> None:
    save(translator(layers, vocabulary), folder / "decoder")
    save(speech_encoder(layers), folder / "encoder")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    frames = round(50 * args.audio_s) - 1  # Windows of 25 ms each 10 ms, in pairs.
    options = {"device": "cpu", "compute_type": "int8", "inter_threads": 1, "intra_threads": args.threads}
    decoder = ctranslate2.Translator(str(args.models / "decoder"), **options)
    encoder = ctranslate2.models.Wav2Vec2Bert(str(args.models / "encoder"), **options)
    result: dict[str, Any] = {
        "precision": decoder.compute_type,
        "supported_compute_types": sorted(ctranslate2.get_supported_compute_types("cpu")),
        "threads": args.threads,
        "audio_s": args.audio_s,
    }

    features = ctranslate2.StorageView.from_array(random.standard_normal((1, frames, FEATURES), dtype=np.float32))
    result["encoder_s"] = repeat(args.repeats, lambda: encoder.encode(features, to_cpu=True))

    source = [[f"t{i}" for i in range(10, 10 + frames // STRIDE + 1)]]

    def generate(new_tokens: int, beams: int, **options: Any) -> list[float]:
        """The times at the start, at what a callback notes, and at the end."""
        times = [time.perf_counter()]
        if beams == 1:
            options["callback"] = lambda _step: times.append(time.perf_counter())
        found = decoder.translate_batch(
            source, beam_size=beams, min_decoding_length=new_tokens, max_decoding_length=new_tokens, **options
        )
        assert len(found[0].hypotheses[0]) == new_tokens
        return [*times, time.perf_counter()]

    first, greedy, beam = [], [], []
    for run in range(args.repeats + 1):  # The first one warms up.
        between = np.diff(generate(args.new_tokens, 1)[:-1]).tolist()
        # Beam search calls nothing back: a step is the difference of two lengths.
        long, short = (times[-1] - times[0] for times in (generate(args.new_tokens, BEAMS), generate(1, BEAMS)))
        if run > 0:
            first.append(between[0])
            greedy.extend(between[1:])
            beam.append((long - short) / (args.new_tokens - 1))
    result["first_token_s"] = summary(first)
    result["greedy_token_s"] = summary(greedy)
    result["beam5_token_s"] = summary(beam)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder of the models; with --build, a new one")
    parser.add_argument("--build", action="store_true", help="only write the models")
    parser.add_argument("--layers", type=int, default=LAYERS, help="with --build, fewer for a trial")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY, help="with --build, less for a trial")
    parser.add_argument("--audio-s", type=float, default=10.0, help="length of the clip, in seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each stage")
    parser.add_argument("--new-tokens", type=int, default=32)
    args = parser.parse_args()
    if args.build:
        build(args.models, args.layers, args.vocabulary)
    else:
        print(json.dumps(measure(args), indent=2))


if __name__ == "__main__":
    main()
