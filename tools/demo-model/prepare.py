"""The training clips, rendered once: their features in one file, what is said in them in another."""

import json
import time
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

from clips import clip
from edges import edge_clip
from features import features

SHARDS = 64


def _shard(number, seed, count, first, edges):
    torch.set_num_threads(1)
    rows, about = [], []
    for index in range(first + number, first + count, SHARDS):
        # By the place in the shard: a shard's indices are all even or all odd.
        other = edges and index // SHARDS % 2
        c = edge_clip("train", seed, index) if other else clip("train", seed, index)
        f, kept = features(c.samples)
        rows.append(f)
        about.append(dict(language=c.language, entries=c.entries, spans=c.spans, phonemes=c.phonemes,
                          words=[(w.start, w.end, w.entry) for w in c.words], kept=kept, rows=len(f)))  # fmt: skip
    return np.concatenate(rows), about


def prepare(folder, seed, count, first=0, edges=False, processes=2):
    """Renders `count` training clips: features.npy [rows, 160] of all of them, clips.json with what they are. With
    `edges`, every other one is as cut out of a long recording."""
    folder.mkdir(parents=True, exist_ok=True)
    began, parts = time.time(), []
    # A process a shard: espeak-ng keeps state, and so the clips do not depend on how many processes there are.
    job = partial(_shard, seed=seed, count=count, first=first, edges=edges)
    with get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        for number, part in enumerate(pool.imap(job, range(SHARDS), chunksize=1)):
            parts.append(part)
            if number % 8 == 7:
                print(f"clips: {number + 1} of {SHARDS} shards, {time.time() - began:.0f} s", flush=True)
    np.save(folder / "features.npy", np.concatenate([f for f, _ in parts]))
    (folder / "clips.json").write_text(json.dumps([c for _, about in parts for c in about]))
