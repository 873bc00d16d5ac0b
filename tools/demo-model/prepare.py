"""The training clips, rendered once: their features in one file, what is said in them in another."""

import json
import time
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

from clips import clip
from features import features

SHARDS = 64


def _shard(number, seed, count):
    torch.set_num_threads(1)
    rows, about = [], []
    for index in range(number, count, SHARDS):
        c = clip("train", seed, index)
        f, kept = features(c.samples)
        rows.append(f)
        about.append(dict(language=c.language, entries=c.entries, spans=c.spans, phonemes=c.phonemes, kept=kept, rows=len(f)))
    return np.concatenate(rows), about


def prepare(folder, seed, count, processes=2):
    """Renders `count` training clips: features.npy [rows, 160] of all of them, clips.json with what they are."""
    folder.mkdir(parents=True, exist_ok=True)
    began, parts = time.time(), []
    # A process a shard: espeak-ng keeps state, and so the clips do not depend on how many processes there are.
    with get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        for number, part in enumerate(pool.imap(partial(_shard, seed=seed, count=count), range(SHARDS), chunksize=1)):
            parts.append(part)
            if number % 8 == 7:
                print(f"clips: {number + 1} of {SHARDS} shards, {time.time() - began:.0f} s", flush=True)
    np.save(folder / "features.npy", np.concatenate([f for f, _ in parts]))
    (folder / "clips.json").write_text(json.dumps([c for _, about in parts for c in about]))
