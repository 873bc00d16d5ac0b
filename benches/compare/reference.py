#!/usr/bin/env python3
"""Times Hugging Face transformers (PyTorch, CPU) on one checkpoint and recording, stage by stage; prints a JSON object.

The keys are those of `measure.rs`, and so are the stages:

- load: `from_pretrained` of model, features and tokenizer, one pass over the weights, and for int8 the quantization;
- features, encoder: one clip;
- first token: the first step from the encoder's output, with the keys and values of the cross-attention;
- greedy and beam-5 token: a step after the first one, of a search forced to exactly `--new-tokens` tokens;
- end to end: from samples to text, greedy, with as many tokens;
- peak memory: the most that the process held once the weights were read.

int8 is PyTorch's dynamic quantization of all linear layers.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch
import transformers as hf
from transformers.modeling_outputs import BaseModelOutput

from timing import BEAMS, peak_memory_gb, repeat, summary

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}


class Clock(hf.StoppingCriteria):
    """Never stops; notes the time of every step, of greedy and beam search alike."""

    def __init__(self) -> None:
        self.times = [time.perf_counter()]

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        self.times.append(time.perf_counter())
        return torch.zeros(len(ids), dtype=torch.bool)


class Reference:
    """The model and what stands around it."""

    def __init__(self, folder: Path, dtype: str) -> None:
        started = time.perf_counter()
        self.model = hf.SeamlessM4Tv2ForSpeechToText.from_pretrained(folder, dtype=DTYPES[dtype]).eval()
        self.extractor = hf.SeamlessM4TFeatureExtractor.from_pretrained(folder)
        self.tokenizer = hf.SeamlessM4TTokenizer.from_pretrained(folder)
        for weight in self.model.parameters():  # Else a mapped file is read only later; a value of every page will do.
            weight.flatten()[::1024].sum()
        self.load_s = time.perf_counter() - started
        self._leave_mapping()
        if dtype == "int8":
            started = time.perf_counter()
            torch.ao.quantization.quantize_dynamic(self.model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)
            self.load_s += time.perf_counter() - started

    def _leave_mapping(self) -> None:
        """Copies the weights out of the mapped file: steps are faster from memory of large pages.

        The copy is no part of the library's own way, so that neither its time nor its memory counts.
        """
        for weight in self.model.parameters():  # Tied weights are one parameter.
            weight.data = weight.data.clone()
        Path("/proc/self/clear_refs").write_text("5")  # Starts the peak anew.

    def features(self, samples: np.ndarray) -> dict[str, torch.Tensor]:
        inputs = self.extractor(samples, sampling_rate=16000, return_tensors="pt")
        return {"input_features": inputs["input_features"].to(self.model.dtype),
                "attention_mask": inputs["attention_mask"].long()}  # fmt: skip

    def encode(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.model.speech_encoder(**inputs).last_hidden_state

    def generate(self, inputs: dict[str, torch.Tensor], language: str, new_tokens: int, **options: Any) -> torch.Tensor:
        exactly = {"min_new_tokens": new_tokens, "max_new_tokens": new_tokens}
        return self.model.generate(**inputs, tgt_lang=language, **exactly, **options)

    def transcribe(self, samples: np.ndarray, language: str, new_tokens: int) -> str:
        tokens = self.generate(self.features(samples), language, new_tokens, num_beams=1)
        return self.tokenizer.decode(tokens[0], skip_special_tokens=True)


@torch.inference_mode()
def measure(args: argparse.Namespace) -> dict[str, Any]:
    reference = Reference(args.model, args.dtype)
    samples, rate = sf.read(args.audio, dtype="float32")
    result: dict[str, Any] = {
        "precision": args.dtype,
        "threads": args.threads,
        "audio_s": len(samples) / rate,
        "load_s": reference.load_s,
        "features_s": repeat(max(args.repeats, 5), lambda: reference.features(samples)),
    }
    inputs = reference.features(samples)
    result["encoder_s"] = repeat(args.repeats, lambda: reference.encode(inputs))
    encoded = reference.encode(inputs)

    for beams in (1, BEAMS):
        first, steps = [], []
        for run in range(args.repeats + 1):  # The first one warms up.
            clock = Clock()
            given = inputs | {"encoder_outputs": BaseModelOutput(last_hidden_state=encoded.clone())}
            reference.generate(given, args.lang, args.new_tokens, num_beams=beams, stopping_criteria=[clock])
            between = np.diff(clock.times).tolist()
            if run > 0:
                first.append(between[0])
                steps.extend(between[1:])
        if beams == 1:
            result["first_token_s"] = summary(first)
            result["greedy_token_s"] = summary(steps)
        else:
            result["beam5_token_s"] = summary(steps)
    result["end_to_end_s"] = repeat(args.repeats, lambda: reference.transcribe(samples, args.lang, args.new_tokens))
    result["peak_memory_gb"] = peak_memory_gb()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of a checkpoint")
    parser.add_argument("--audio", type=Path, required=True, help="recording at 16 kHz, one channel")
    parser.add_argument("--dtype", choices=list(DTYPES), default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lang", default="hin")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each stage")
    parser.add_argument("--new-tokens", type=int, default=32)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    hf.logging.set_verbosity_error()
    warnings.simplefilter("ignore", DeprecationWarning)  # Of the quantization: later versions have it elsewhere.
    print(json.dumps(measure(args), indent=2))


if __name__ == "__main__":
    main()
