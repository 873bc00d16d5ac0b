"""Clips: what is said, by whom, how fast, in what noise; drawn from a seed and an index, and rendered at 16 kHz.

Training and held-out clips share the words and the kinds of noise, and nothing else: no variant of a voice, no speed
and no sequence of two or more entries of one set occurs in the other.
"""

import zlib
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import torch
import torchaudio

from espeak import Espeak
from vocabulary import DIGIT_IDS, ENTRIES, LANGUAGES, PHRASE_IDS, text

RATE = 16000

VOICES = {
    "ben": ["bn"], "hin": ["hi"], "tam": ["ta"], "tel": ["te"],
    "eng": ["en-us", "en", "en-gb-x-rp", "en-us-nyc", "en-029"],
}  # fmt: skip
# Variants of espeak-ng that sound like people; "" is the voice as it is.
VARIANTS = {
    "train": ["", "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f5", "Alex", "Alicia", "Andrea", "Andy", "Gene",
              "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "adam", "anika", "antonio", "aunty", "benjamin", "boris",
              "caleb", "david", "ed", "gustave", "iven", "john", "linda", "marcelo", "max", "miguel", "norbert", "pablo",
              "paul", "pedro", "quincy", "rob", "sandro", "shelby", "steph", "travis", "victor", "zac"],
    "held-out": ["m5", "m8", "f4", "Annie", "Denis", "Diogo", "Hugo", "belinda", "edward", "michel", "robert"],
}  # fmt: skip
RATES = {"train": range(120, 231, 10), "held-out": range(125, 226, 10)}


@dataclass
class Word:
    """A word of a clip's text and its seconds; which of the clip's entries and utterances it belongs to. espeak-ng says
    some words as one ("on the"): such words are `joined`, and each has the seconds of all."""

    text: str
    start: float
    end: float
    entry: int
    utterance: int = 0
    joined: bool = False


@dataclass
class Clip:
    """One clip. `spans` has the seconds of each entry, `phonemes` the name and the seconds of each phoneme."""

    language: str | None  # None: nobody speaks
    entries: list[int] = field(default_factory=list)
    samples: np.ndarray | None = None
    spans: list[tuple[float, float]] = field(default_factory=list)
    phonemes: list[tuple[str, float, float]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    recipe: str = ""

    def text(self, language):
        return text(language, self.entries)


def generator(seed, *path):
    return np.random.Generator(np.random.PCG64([seed, *(zlib.crc32(str(p).encode()) for p in path)]))


def belongs(split, entries):
    """Whether a sequence may occur in a split: one in five is kept from training, by its digest."""
    held_out = zlib.crc32(",".join(map(str, entries)).encode()) % 5 == 0
    return len(entries) < 2 or held_out == (split == "held-out")


def draw_entries(split, r):
    """1 to 6 digits, or 1 to 3 phrases."""
    while True:
        if r.random() < 0.5:
            entries = r.choice(DIGIT_IDS, size=r.integers(1, 7)).tolist()
        else:
            entries = r.choice(PHRASE_IDS, size=r.choice([1, 1, 2, 3])).tolist()
        if belongs(split, entries):
            return entries


@cache
def _espeak():
    return Espeak()


@cache
def _resampler(old, new):
    return torchaudio.transforms.Resample(old, new)


def resample(x, old, new):
    return _resampler(old, new)(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))).numpy()


def pause(seconds):
    return np.zeros(int(RATE * seconds), np.float32)


def timed_words(said, separator, marks, spoken):
    """The words of the entries `said`, from the marks of words and phonemes.

    A word begins with its first phoneme: its own mark is up to 60 ms earlier, at the silence before a burst, while that
    of the phoneme is mostly within 4 ms of the onset of the sound. Marks that are no word's, at commas, do not count.
    """
    at, first = {m.name: m.start for m in reversed(marks)}, 0
    groups = []  # Words, and the time of the mark that they share.
    for entry, written in enumerate(said):
        for word in written.split(" "):
            if first in at:
                groups.append(([], at[first]))
            groups[-1][0].append((word, entry))
            first += len(word) + 1
        first += len(separator) - 1
    words = []
    for (group, mark), (_, stop) in zip(groups, [*groups[1:], ([], float("inf"))]):
        inside = [p for p in spoken if mark <= p.start < stop]
        start, end = inside[0].start, min(inside[-1].end, stop)
        words += [Word(word, start, end, entry, joined=len(group) > 1) for word, entry in group]
    return words


def speak(split, language, entries, r):
    """One utterance, without noise: (samples, spans of entries, phonemes, words, recipe)."""
    voice, variant = r.choice(VOICES[language]), r.choice(VARIANTS[split])
    rate, pitch, pitch_range = int(r.choice(RATES[split])), int(r.integers(25, 80)), int(r.integers(30, 75))
    separator = ", " if r.random() < 0.4 else " "
    said = [ENTRIES[e][language] for e in entries]
    name = f"{voice}+{variant}" if variant else str(voice)
    samples, words, phonemes = _espeak().speak(name, separator.join(said), rate, pitch, pitch_range)
    # Played faster or slower, a voice becomes another one: more of them to train on than espeak-ng has.
    played = _espeak().sampling_rate
    if split == "train" and r.random() < 0.5:
        played = int(r.choice([20000, 21000, 23000, 24000]))
    stretch = _espeak().sampling_rate / played
    # An entry begins with the first word marked in it (espeak-ng joins some: "on the") and ends with its last phoneme.
    firsts = np.cumsum([0] + [len(s) + len(separator) for s in said])
    of_entry = [[w for w in words if a <= w.name < b] for a, b in zip(firsts, firsts[1:])]
    assert all(of_entry), (language, entries, words)
    spoken = [p for p in phonemes if not p.name.startswith("_")]
    spans = []
    for inside in of_entry:
        ends = [p.end for p in spoken if inside[0].start <= p.start < inside[-1].end]
        spans.append((inside[0].start * stretch, max(ends, default=inside[-1].end) * stretch))
    phonemes = [(p.name, p.start * stretch, p.end * stretch) for p in spoken]
    timed = timed_words(said, separator, words, spoken)
    timed = [replace(w, start=w.start * stretch, end=w.end * stretch) for w in timed]
    return resample(samples, played, RATE), spans, phonemes, timed, f"{name} rate {rate} pitch {pitch}"


def noise(n, r):
    """Noise of a random colour, of root mean square 1."""
    kind = r.choice(["white", "pink", "brown", "hum"])
    if kind == "hum":
        t, f = np.arange(n) / RATE, r.choice([50.0, 60.0])
        x = sum(r.uniform(0.1, 1) * np.sin(2 * np.pi * f * k * t + r.uniform(0, 6.28)) for k in range(1, 6))
        x = x + 0.1 * r.standard_normal(n)
    else:
        spectrum = np.fft.rfft(r.standard_normal(n))
        spectrum /= np.maximum(np.arange(len(spectrum)), 4) ** {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
        x = np.fft.irfft(spectrum, n)
    return (x / max(np.sqrt(np.mean(x**2)), 1e-9)).astype(np.float32)


def tones(n, r):
    """Something between a sine and a tune: notes with overtones, alone or in chords, perhaps with a beat."""
    x, at = np.zeros(n), 0
    scale = 220 * 2 ** (r.integers(-12, 13) / 12) * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    steady = r.random() < 0.3
    overtones = 1 / np.arange(1, r.integers(2, 10)) ** r.uniform(0.7, 2.5)
    glide = r.uniform(-0.3, 0.3) if r.random() < 0.2 else 0.0
    length = n if steady else int(RATE * r.uniform(0.08, 0.6))
    while at < n:
        m = min(length, n - at)
        t = np.arange(m) / RATE
        note = np.zeros(m)
        for f in r.choice(scale, size=r.integers(1, 4)) if not steady else [r.uniform(60, 4000)]:
            for k, loud in enumerate(overtones, 1):
                if f * k < 7800:
                    note += loud * np.sin(2 * np.pi * f * k * (t + glide * t**2) + r.uniform(0, 6.28))
        if not steady:
            note *= np.minimum(1, t / 0.01) * np.exp(-t * r.uniform(0, 8))
            if r.random() < 0.3:
                note += r.uniform(0.2, 1) * r.standard_normal(m) * np.exp(-t * 60)
        x[at : at + m] = note * (r.random() < 0.9)
        at += m
    return (x / max(np.abs(x).max(), 1e-9)).astype(np.float32)


def nothing_said(r):
    """A clip that holds no speech: silence, noise, a tone, music, clicks."""
    n = int(RATE * r.uniform(0.3, 5))
    kind = r.choice(["silence", "hiss", "noise", "tones", "tones", "clicks", "both"])
    x = np.zeros(n, np.float32)
    if kind == "hiss":
        x = noise(n, r) * 10 ** r.uniform(-5, -3)
    elif kind in ("noise", "both"):
        x = noise(n, r) * 10 ** r.uniform(-3, -0.8)
    if kind in ("tones", "both"):
        x = x + tones(n, r) * r.uniform(0.01, 0.9)
    if kind == "clicks":
        x = x + (r.random(n) < 10 ** r.uniform(-4.5, -2.5)) * r.uniform(-0.8, 0.8, n)
    if kind != "silence" and r.random() < 0.3:
        a, b = sorted(r.integers(0, n, 2))
        x[a:b] *= r.random() < 0.5
    return Clip(None, samples=x.astype(np.float32), recipe=str(kind))


def spoil(x, speech, r):
    """Loudness, noise, the band of a telephone: what happens to speech on its way. `speech` is where somebody talks."""
    x = x * (r.uniform(0.05, 0.9) / max(np.abs(x).max(), 1e-9))
    recipe = ""
    if r.random() < 0.6:
        ratio = r.uniform(10, 40)
        x = x + noise(len(x), r) * np.sqrt(np.mean(x[speech] ** 2)) * 10 ** (-ratio / 20)
        recipe += f", noise {ratio:.0f} dB below"
    if r.random() < 0.25:
        x = resample(resample(x, RATE, 8000), 8000, RATE)[: len(x)]
        recipe += ", 8 kHz"
    return x, recipe


def quantise(x):
    """To the 16 bits of a WAV file and back: digital silence is exact zeros, there as here."""
    return (np.clip(np.round(x * 32767), -32768, 32767) / 32768).astype(np.float32)


def append(c, said, at, entries, utterance=0):
    """Adds to a clip what `speak` says of an utterance that begins at a time; returns its samples."""
    x, spans, phonemes, words, recipe = said
    first = len(c.entries)
    c.words += [Word(w.text, w.start + at, w.end + at, w.entry + first, utterance, w.joined) for w in words]
    c.entries += entries
    c.spans += [(a + at, b + at) for a, b in spans]
    c.phonemes += [(name, a + at, b + at) for name, a, b in phonemes]
    c.recipe += ("; " if utterance else "") + recipe
    return x


def clip(split, seed, index, language=None, quiet=0.1, long=0.1):
    """The clip of an index. A share `quiet` has no speech; a share `long` has two to four utterances with pauses."""
    r = generator(seed, split, index, language)
    if r.random() < quiet:
        c = nothing_said(r)
        c.samples = quantise(c.samples)
        return c
    c = Clip(language or str(r.choice(LANGUAGES)))
    parts = [pause(r.random() ** 2)]
    for utterance in range(r.integers(2, 5) if r.random() < long else 1):
        if utterance:
            parts.append(pause(r.uniform(0.2, 1.2)))
        at = sum(map(len, parts)) / RATE
        entries = draw_entries(split, r)
        parts.append(append(c, speak(split, c.language, entries, r), at, entries, utterance))
    parts.append(pause(r.random() ** 2))
    x = np.concatenate(parts)
    speech = slice(int(c.spans[0][0] * RATE), int(c.spans[-1][1] * RATE))
    x, recipe = spoil(x, speech, r)
    c.samples, c.recipe = quantise(x), c.recipe + recipe
    return c
