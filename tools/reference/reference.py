"""What Hugging Face transformers makes of clips: the tensors of every stage, and searches. On the CPU, in float32.

`record.py` beside this file uses it, and `make_golden.py` in `tests/golden`.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile as sf
import torch
import torchaudio
import transformers as hf

Model = hf.SeamlessM4Tv2ForSpeechToText
Tensors = dict[str, torch.Tensor]
Json = dict[str, Any]

SEARCHES: dict[str, Json] = {
    "greedy": {"num_beams": 1}, "beam4": {"num_beams": 4}, "beam5": {"num_beams": 5},
    "beam5_lp0.5": {"num_beams": 5, "length_penalty": 0.5}, "beam5_lp2": {"num_beams": 5, "length_penalty": 2.0},
    "beam5_lp0": {"num_beams": 5, "length_penalty": 0.0}, "beam4_lp-1": {"num_beams": 4, "length_penalty": -1.0},
    "beam5_early": {"num_beams": 5, "early_stopping": True}, "beam5_never": {"num_beams": 5, "early_stopping": "never"},
    "greedy_norep2": {"num_beams": 1, "no_repeat_ngram_size": 2},
    "greedy_rep1.5": {"num_beams": 1, "repetition_penalty": 1.5},
    "beam4_norep2": {"num_beams": 4, "no_repeat_ngram_size": 2},
    "beam4_rep1.3": {"num_beams": 4, "repetition_penalty": 1.3},
    "beam3_min8": {"num_beams": 3, "min_new_tokens": 8}, "greedy_min12": {"num_beams": 1, "min_new_tokens": 12},
    "beam5_ret3": {"num_beams": 5, "num_return_sequences": 3},
}  # fmt: skip


def rng(seed: int, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))


def write_json(path: Path, value: Any, **options: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False, **options) + "\n", encoding="utf-8")


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    return torchaudio.functional.resample(torch.from_numpy(samples.copy()), rate, wanted).numpy()


def waveform(path: Path) -> np.ndarray:
    """As in the model card: torchaudio's resampling, of which the feature extractor takes the first channel."""
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    return resample(samples[:, 0], rate, 16_000)


def features(extractor: hf.SeamlessM4TFeatureExtractor, waveforms: list[np.ndarray]) -> Tensors:
    batch = extractor(waveforms, sampling_rate=16_000, return_tensors="pt", padding=True)
    mask = batch["attention_mask"].long().contiguous()
    return {"input_features": batch["input_features"].contiguous(), "attention_mask": mask}


def plain(output: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    tensor = output[0] if isinstance(output, tuple) else output
    return tensor.detach().float().clone(memory_format=torch.contiguous_format)


class Recorded(NamedTuple):
    """A search, to be done again with other numbers."""

    inputs: Tensors
    options: Json
    sequences: torch.Tensor
    result: Json  # Its part of the manifest.


class Reference:
    """The model in float32, and what it gave."""

    def __init__(self, source: str | Path, seed: int, max_new_tokens: int, revision: str = "main") -> None:
        def load(kind: Any, **options: Any) -> Any:
            return kind.from_pretrained(source, revision=revision, **options)

        self.model = load(Model, dtype=torch.float32).eval()
        self.extractor = load(hf.SeamlessM4TFeatureExtractor)
        try:
            self.tokenizer = load(hf.SeamlessM4TTokenizer)
        except (OSError, TypeError):  # There is only a tokenizer.json.
            self.tokenizer = load(hf.SeamlessM4TTokenizerFast)
        self.seed, self.max_new_tokens = seed, max_new_tokens
        self.recorded: list[Recorded] = []

    def prefix(self, name: str, languages: list[str]) -> torch.Tensor:
        """Random tokens to force upon the decoder."""
        numbers = rng(self.seed, f"prefix {name}")
        codes = self.tokenizer.convert_tokens_to_ids([f"__{language}__" for language in languages])
        return torch.tensor([[3, code, *numbers.integers(4, len(self.tokenizer), 10).tolist()] for code in codes])

    def encode(self, inputs: Tensors) -> torch.Tensor:
        return self.model.speech_encoder(**inputs).last_hidden_state

    def stages(self, inputs: Tensors, prefix: torch.Tensor, inner: bool) -> Tensors:
        """What comes out of every part of the model; of the first layer's and the adapter's parts, too, if `inner`."""
        encoder = self.model.speech_encoder
        modules = {"feature_projection": encoder.feature_projection, "encoder_layer_norm": encoder.encoder.layer_norm}
        modules |= {f"conformer.{i}": layer for i, layer in enumerate(encoder.encoder.layers)}
        modules |= {"intermediate_ffn": encoder.intermediate_ffn, "adapter": encoder.adapter}
        modules |= {"encoder_out": encoder.inner_layer_norm}
        if inner:
            layer, adapter = encoder.encoder.layers[0], encoder.adapter.layers[0]
            modules |= {"l0.ffn1": layer.ffn1, "l0.self_attn": layer.self_attn, "l0.conv": layer.conv_module}
            modules |= {"l0.depthwise": layer.conv_module.depthwise_conv, "l0.ffn2": layer.ffn2}
            parts = ("residual_conv", "self_attn_conv", "self_attn", "ffn")
            modules |= {f"adapter.{part}": getattr(adapter, part) for part in parts}
        found: Tensors = {}
        hooks = [
            module.register_forward_hook(lambda _m, _i, output, name=name: found.update({f"enc.{name}": plain(output)}))
            for name, module in modules.items()
        ]
        output = self.model(**inputs, decoder_input_ids=prefix, output_hidden_states=True, use_cache=False)
        for hook in hooks:
            hook.remove()
        found |= {f"dec.hidden.{i}": plain(hidden) for i, hidden in enumerate(output.decoder_hidden_states)}
        return found | {"dec.logits": plain(output.logits), "dec.prefix": prefix}

    def generate(self, inputs: Tensors, language: str, search: str) -> Json:
        kwargs = SEARCHES[search]
        options = kwargs | {"tgt_lang": language, "max_new_tokens": self.max_new_tokens}
        found = self.model.generate(**inputs, **options, return_dict_in_generate=True, output_scores=True)
        rows: list[list[int]] = found.sequences.tolist()
        result: Json = {
            "kwargs": kwargs,
            "tgt_lang": language,
            "ids": rows,
            "text": [self.tokenizer.decode(row, skip_special_tokens=True) for row in rows],
            "same_in_float64": None,  # Not known before the checks below.
            "same_with_weight_noise_1e_4": None,
        }
        self.recorded.append(Recorded(inputs, options, found.sequences, result))
        if kwargs["num_beams"] > 1:
            result["sequences_scores"] = found.sequences_scores.tolist()
            return result
        steps = [torch.log_softmax(scores, -1) for scores in found.scores]
        logprobs = [[float(p[b, token]) for p, token in zip(steps, row[2:])] for b, row in enumerate(rows)]
        best = [scores.topk(2, -1).values.tolist() for scores in found.scores]
        unfinished = [best[i][b] for i in range(len(best)) for b, row in enumerate(rows) if row[i + 1] not in (0, 3)]
        result |= {"token_logprobs": logprobs, "min_margin": min(first - second for first, second in unfinished)}
        return result

    def generations(self, inputs: Tensors, searches: list[tuple[str, str]]) -> Json:
        return {f"{language}/{search}": self.generate(inputs, language, search) for language, search in searches}

    def check_in_float64(self) -> None:
        """Notes for every search so far whether its tokens are the same in float64. Takes twice the memory meanwhile."""
        self.model.double()
        torch.set_default_dtype(torch.float64)  # Masks are made of the default type.
        for inputs, options, sequences, result in self.recorded:
            exact = inputs | {"input_features": inputs["input_features"].double()}
            result["same_in_float64"] = torch.equal(self.model.generate(**exact, **options), sequences)
        torch.set_default_dtype(torch.float32)
        self.model.float()  # The very numbers from before.

    def check_with_weight_noise(self) -> None:
        """The same with relative noise of 1e-4 on the weights. It stays there: nothing can be recorded any more."""
        for name, weight in self.model.named_parameters():
            noise = rng(self.seed, f"noise {name}").standard_normal(tuple(weight.shape), dtype=np.float32)
            weight.mul_(1 + 1e-4 * torch.from_numpy(noise))
        for inputs, options, sequences, result in self.recorded:
            result["same_with_weight_noise_1e_4"] = torch.equal(self.model.generate(**inputs, **options), sequences)

    def clip(self, name: str, path: Path, searches: list[tuple[str, str]], inner: bool) -> tuple[Tensors, Json]:
        """The tensors of a clip, and its part of the manifest. The prefix is in the language of the first search."""
        samples = waveform(path)
        inputs = features(self.extractor, [samples])
        mask = inputs["attention_mask"]
        fbank = torch.from_numpy(self.extractor._extract_fbank_features(samples)).float().contiguous()
        tensors = {"waveform_16k": torch.from_numpy(samples), "fbank": fbank} | inputs
        tensors |= self.stages(inputs, self.prefix(name, [searches[0][0]]), inner)
        lengths = {"frames": len(fbank), "stacked": mask.shape[1], "mask_sum": int(mask.sum())}
        return tensors, lengths | {"generate": self.generations(inputs, searches)}


def show(manifest: Json) -> None:
    for name, info in (manifest["clips"] | manifest["batches"]).items():
        for search, found in info["generate"].items():
            sure = found["same_in_float64"] is not False and found["same_with_weight_noise_1e_4"] is not False
            print(f"{name} {search}{'' if sure else ' (ambiguous)'}: {found['text']}")


def versions() -> dict[str, str]:
    return {module.__name__: module.__version__ for module in (torch, hf, torchaudio)}
