"""Clips as a speech detector cuts them out of a long recording: little before and after the speech, and that little may be
the end or the beginning of any other sound. Also short words alone, and pieces of such sounds, in which nobody speaks.
"""

from dataclasses import replace

import numpy as np

from clips import RATE, Clip, append, belongs, draw_entries, generator, pause, quantise, speak, spoil
from recordings import coloured, gap_sound, ramps
from vocabulary import DIGIT_IDS, LANGUAGES, PHRASE_IDS

ALONE = 0.17  # of the clips are other sounds alone
LONG = 0.12  # of the others have two or three utterances
SHORT = 0.5  # of the utterances have an entry or two
PIECES = 0.4  # of the longer utterances are cut at a pause between two entries
REPLACED = 0.3  # of the pauses between utterances are filled with another sound


def margin(r):
    """Seconds from a cut to the speech: mostly about 0.1, sometimes the cut is in the speech or much too early."""
    return r.uniform(0, 1.5) if r.random() < 0.1 else r.triangular(-0.05, 0.08, 0.4)


def draw_short(split, r):
    while True:
        ids = DIGIT_IDS if r.random() < 0.4 else PHRASE_IDS
        entries = r.choice(ids, size=1 if r.random() < 0.65 else 2).tolist()
        if belongs(split, entries):
            return entries


def piece(split, entries, said, r):
    """Some of an utterance's entries, cut out at pauses: a word does not sound the same inside a sequence as alone."""
    x, spans, phonemes, words, recipe = said
    edges = [0.0, *((a + b) / 2 if b - a > 0.1 else None for (_, a), (b, _) in zip(spans, spans[1:])), len(x) / RATE]
    whole = range(len(entries) + 1)
    cuts = [(i, j) for i in whole for j in whole[i + 1 :]
            if edges[i] is not None and edges[j] is not None and belongs(split, entries[i:j])]  # fmt: skip
    i, j = cuts[r.integers(len(cuts))] if cuts else (0, len(entries))
    begin, end = edges[i], edges[j]
    inside = [(name, a - begin, b - begin) for name, a, b in phonemes if begin <= a < end]
    timed = [replace(w, start=w.start - begin, end=w.end - begin, entry=w.entry - i) for w in words if i <= w.entry < j]
    spans = [(a - begin, b - begin) for a, b in spans[i:j]]
    return entries[i:j], (x[int(begin * RATE) : int(end * RATE)], spans, inside, timed, f"{recipe}, cut")


def around(n, r):
    """At least `n` samples of what is before or after, and its fade at the speech: none, or up to 0.1 s."""
    kind, x = gap_sound(n + int(RATE * r.uniform(0.1, 3)), r)
    fade = int(RATE * r.choice([0, 0.005, 0.02, 0.02, 0.1]))
    return kind, x * ramps(len(x), fade), fade


def alone(r):
    n = int(RATE * r.uniform(0.2, 2))
    kind, x, _ = around(n, r)
    at = r.integers(0, len(x) - n) if r.random() < 0.7 else 0
    x = x[at : at + n]
    if r.random() < 0.3:  # Another one from somewhere on.
        at = r.integers(0, n)
        other, y, _ = around(n, r)
        x, kind = np.concatenate([x[:at], y[: n - at]]), f"{kind}, {other}"
    return Clip(None, samples=x, recipe=kind)


def put(into, at, x):
    """Adds what of a sound is inside, from a sample on that may be before it."""
    begin, end = max(at, 0), min(at + len(x), len(into))
    if end > begin:
        into[begin:end] += x[begin - at : end - at]


def talk(split, r):
    c = Clip(str(r.choice(LANGUAGES)))
    parts = [pause(r.uniform(0, 0.15) if r.random() < 0.6 else r.random() ** 2)]
    filled = []
    for utterance in range(r.integers(2, 4) if r.random() < LONG else 1):
        if utterance:
            parts.append(pause(r.uniform(0.2, 1.2)))
            if r.random() < REPLACED:
                filled.append((sum(map(len, parts[:-1])), len(parts[-1])))
        at = sum(map(len, parts)) / RATE
        short = r.random() < SHORT
        entries = draw_short(split, r) if short else draw_entries(split, r)
        said = speak(split, c.language, entries, r)
        if len(entries) > 1 and r.random() < PIECES:
            entries, said = piece(split, entries, said, r)
        parts.append(append(c, said, at, entries, utterance))
    parts.append(pause(r.uniform(0, 0.15) if r.random() < 0.6 else r.random() ** 2))
    begin, end = c.words[0].start, c.words[-1].end
    x, recipe = spoil(np.concatenate(parts), slice(int(c.spans[0][0] * RATE), int(c.spans[-1][1] * RATE)), r)
    c.recipe += recipe
    for at, n in filled:
        kind, y = gap_sound(max(n, 100), r)
        x[at : at + n], c.recipe = y[:n], f"{c.recipe}, {kind} in between"

    # Before and after the clip: the other sounds; then the cut.
    cut, until = int(RATE * (begin - margin(r))), int(RATE * (end + margin(r)))
    whole = np.zeros(until - cut)
    (before, y, fade), (after, z, other) = around(max(-cut, 0), r), around(max(until - len(x), 0), r)
    inside = x.astype(np.float64)
    inside[: fade] *= ramps(len(x), fade)[:fade] if fade < len(x) // 2 else 1
    inside[len(x) - other :] *= ramps(len(x), other)[len(x) - other :] if other < len(x) // 2 else 1
    put(whole, -cut, inside)
    put(whole, -cut - len(y) + fade, y)
    put(whole, len(x) - cut - other, z)
    c.recipe += f", {before} before, {after} after"
    if r.random() < 0.3:
        whole = whole + coloured(str(r.choice(["white", "pink", "brown", "hum"])), len(whole), r) * 10 ** r.uniform(-4, -2.5)
    start, length = cut / RATE, len(whole) / RATE
    move = lambda t: min(max(t - start, 0.0), length)
    c.samples = whole
    c.spans = [(move(a), move(b)) for a, b in c.spans]
    c.phonemes = [(name, move(a), move(b)) for name, a, b in c.phonemes]
    c.words = [replace(w, start=move(w.start), end=move(w.end)) for w in c.words]
    return c


def edge_clip(split, seed, index):
    """The clip of an index."""
    r = generator(seed, split, "edges", index)
    c = alone(r) if r.random() < ALONE else talk(split, r)
    c.samples = quantise(c.samples)
    return c
