#!/usr/bin/env python3
"""Writes published.tsv: name, type and shape of the tensors of the published checkpoint that speech-to-text needs.

They are those of transformers' model with the default configuration, which takes no memory on PyTorch's device "meta".
The rows are sorted. The sum that is printed is the SHA-256 of the rows, each ended by a line feed but the last.
"""

import hashlib
from pathlib import Path

import torch
import transformers as hf

TIED = ("lm_head.weight", "text_decoder.embed_tokens.weight")  # The same tensor as shared.weight, which is saved.

Model = hf.SeamlessM4Tv2ForSpeechToText  # Imported here: under the other device its import fails.
with torch.device("meta"):
    state = Model(hf.SeamlessM4Tv2Config()).state_dict()
tensors = {name: tensor for name, tensor in state.items() if name not in TIED}
rows = sorted(f"{name}\tF32\t{list(tensor.shape)}" for name, tensor in tensors.items())
text = "\n".join(rows)
path = Path(__file__).with_suffix(".tsv")
path.write_text(text + "\n", encoding="utf-8")
parameters = sum(tensor.numel() for tensor in tensors.values())
print(f"{len(rows)} tensors, {parameters} parameters, {hashlib.sha256(text.encode()).hexdigest()}")
