"""What the splitting of long recordings and the times of words are measured on: long recordings of which it is known
what is said when, hours in which nobody speaks, and clips with the times of their words.

Everything is held-out: no voice, speed or sequence of the training clips occurs. All times are in seconds.
"""

import json
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context

import numpy as np
import soundfile

from clips import RATE, clip, generator, tones

EDGE = int(0.02 * RATE)  # Sounds that follow each other overlap by this much, one fading out, the other in.
NOISES = ("white", "pink", "brown", "hum", "hiss")
SHARE_LONG = 0.3  # of the clips have two to four utterances


def coloured(kind, n, r):
    """Noise of a colour, of root mean square 1. Pink and brown are flat below 20 Hz: what is lower is not heard."""
    if kind == "hum":
        t, f = np.arange(n) / RATE, r.choice([50.0, 60.0])
        x = sum(r.uniform(0.1, 1) * np.sin(2 * np.pi * f * k * t + r.uniform(0, 6.28)) for k in range(1, 6))
        x = x + 0.1 * r.standard_normal(n)
    elif kind == "white":
        x = r.standard_normal(n)
    else:
        frequency = np.fft.rfftfreq(n, 1 / RATE)
        shape = {"pink": np.maximum(frequency, 20) ** -0.5, "brown": np.maximum(frequency, 20) ** -1.0,
                 "hiss": frequency**2 / (frequency**2 + 2000**2)}[kind]  # fmt: skip
        x = np.fft.irfft(np.fft.rfft(r.standard_normal(n)) * shape, n)
    return x / np.sqrt(np.mean(x**2))


def street(n, r):
    """Traffic, of root mean square 1: a rumble, and vehicles that come by, each with its tyres and its engine."""
    t, rumble, tyres = np.arange(n) / RATE, coloured("brown", n, r), coloured("pink", n, r)
    x = 0.3 * rumble
    for _ in range(1 + n // (4 * RATE)):
        near = np.exp(-(((t - r.uniform(0, t[-1])) / r.uniform(0.4, 2)) ** 2))
        phase = 2 * np.pi * r.uniform(30, 90) * t * (1 + r.uniform(-0.05, 0.05) * t / t[-1])
        engine = sum(np.sin(k * phase + r.uniform(0, 6.28)) / k for k in range(1, 12))
        x = x + near * r.uniform(0.3, 1.5) * (tyres + r.uniform(0, 0.8) * engine)
    return x / np.sqrt(np.mean(x**2))


def sound(kind, n, r):
    """`n` samples of a kind, at a random level: root mean square from -60 to -16 dB for noises, as in training."""
    if kind == "silence":
        return np.zeros(n)
    if kind == "music":
        return tones(n, r) * r.uniform(0.01, 0.9)
    return (street(n, r) if kind == "street" else coloured(kind, n, r)) * 10 ** r.uniform(-3, -0.8)


def gap_sound(n, r):
    """(kind, samples) of what is between two clips: silence, a noise, music, or two of them at once."""
    kinds = [str(r.choice(["silence", "silence", *NOISES, "street", "street", "music", "music"]))]
    if kinds[0] != "silence" and r.random() < 0.3:
        kinds.append(str(r.choice(sorted({*NOISES, "street", "music"} - {kinds[0]}))))
    return "+".join(kinds), sum(sound(kind, n, r) for kind in kinds)


def ramps(n, length):
    """1, but rising over the first `length` samples and falling over the last."""
    x = np.ones(n)
    x[:length] = (np.arange(length) + 0.5) / length
    x[n - length :] = x[:length][::-1]
    return x


def put(into, at, x, begins=True, ends=True):
    """Adds a sound from a sample on. It fades in and out, but at the begin or end of the recording."""
    fade = ramps(len(x), EDGE)
    fade[: len(x) // 2] **= begins
    fade[len(x) // 2 :] **= ends
    into[at : at + len(x)] += x * fade


def to_16_bits(x):
    return np.clip(np.round(x * 32767), -32768, 32767).astype(np.int16)


def spoken(c, at):
    """What the truth has of a clip's words and utterances, from a time on."""
    words = [asdict(w) | dict(start=round(w.start + at, 4), end=round(w.end + at, 4)) for w in c.words]
    utterances = []
    for number in range(words[-1]["utterance"] + 1):
        inside = [w for w in words if w["utterance"] == number]
        text = " ".join(w["text"] for w in inside)
        utterances.append(dict(start=inside[0]["start"], end=inside[-1]["end"], text=text))
    return dict(speech_start=words[0]["start"], speech_end=words[-1]["end"], utterances=utterances, words=words)


def floor(n, r):
    """A low noise, of root mean square from -80 to -50 dB, in about half of the recording: (samples, where)."""
    x, at, about = np.zeros(n, np.float32), 0, []
    while at < n:
        m = min(int(RATE * r.uniform(60, 240)), n - at)
        if r.random() < 0.5 and m > RATE:
            kind, level = str(r.choice(["white", "pink", "brown", "hum"])), 10 ** r.uniform(-4, -2.5)
            x[at : at + m] = coloured(kind, m, r) * level * ramps(m, RATE // 2)
            about.append(dict(start=at / RATE, end=(at + m) / RATE, kind=kind, level=round(20 * np.log10(level), 1)))
        at += m
    return x, about


def recording(folder, language, minutes=30, seed=7):
    """Clips of one language with 0.7 to 8 s of something else between them. Writes `long.wav`, the clips as they are in
    it, sample by sample (`clip-0000.wav` and so on), and `truth.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    r, n = generator(seed, "recording", language), int(minutes * 60 * RATE)
    x, about = floor(n, r)
    clips, gaps, at = [], [], 0  # `at` is where the last clip ended.
    while at < n:
        c = clip("held-out", seed, len(clips), language, quiet=0, long=SHARE_LONG)
        starts = at + int(RATE * np.exp(r.uniform(np.log(0.7), np.log(8))))
        last = starts + len(c.samples) + RATE > n
        if last:
            starts = n
        begin, end = max(0, at - EDGE), min(n, starts + EDGE)
        kind, y = gap_sound(end - begin, r)
        put(x, begin, y, begins=at > 0, ends=not last)
        gaps.append(dict(start=at / RATE, end=starts / RATE, kind=kind))
        if last:
            break
        put(x, starts, c.samples)
        at = starts + len(c.samples)
        clips.append(dict(file=f"clip-{len(clips):04}.wav", text=c.text(language), start=starts / RATE, end=at / RATE)
                     | spoken(c, starts / RATE) | dict(recipe=c.recipe))  # fmt: skip
    x = to_16_bits(x)
    soundfile.write(folder / "long.wav", x, RATE)
    for c in clips:
        soundfile.write(folder / c["file"], x[round(c["start"] * RATE) : round(c["end"] * RATE)], RATE)
    truth = dict(file="long.wav", language=language, seed=seed, seconds=n / RATE, floor=about, gaps=gaps, clips=clips)
    (folder / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1))
    joined = sum(w["joined"] for c in clips for w in c["words"])
    print(f"{language}: {n / RATE:.0f} s, {len(clips)} clips, {sum(len(c['utterances']) for c in clips)} utterances, "
          f"{sum(len(c['words']) for c in clips)} words, {joined} of them joined")  # fmt: skip


def nothing(folder, minutes=60, music_minutes=20, seed=7):
    """Writes `noise.wav`, an hour of noises and some silence, `music.wav`, music-like tones, and `nothing.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {}
    for name, length, kinds in (("noise", minutes, (*NOISES, "silence")), ("music", music_minutes, ("music",))):
        r, n = generator(seed, "nothing", name), int(length * 60 * RATE)
        x, at, pieces = np.zeros(n, np.float32), 0, []
        while at < n:
            m = min(int(RATE * r.uniform(3, 40)), n - at)
            m = n - at if n - at - m < RATE else m
            begin, end = max(0, at - EDGE), min(n, at + m + EDGE)
            kind = str(r.choice(kinds))
            y = sound(kind, end - begin, r)
            if kind == "silence" or name == "music" and r.random() < 0.5:
                y = y + coloured("white", len(y), r) * 10 ** r.uniform(-5, -2)
            put(x, begin, y, begins=at > 0, ends=at + m < n)
            level = float(10 * np.log10(np.mean(np.square(y, dtype=np.float64)) + 1e-12))
            pieces.append(dict(start=at / RATE, end=(at + m) / RATE, kind=kind, level=round(level, 1)))
            at += m
        soundfile.write(folder / f"{name}.wav", to_16_bits(x), RATE)
        about[f"{name}.wav"] = pieces
        print(f"{name}.wav: {n / RATE:.0f} s in {len(pieces)} pieces")
    (folder / "nothing.json").write_text(json.dumps(about, indent=1))


def _clips(language, seed, number):
    return [clip("held-out", seed, i, language, quiet=0, long=SHARE_LONG) for i in range(number)]


def words(folder, languages, number=200, seed=11):
    """Writes clips of each language (`hin-0000.wav` and so on) and `words.json` with the times of their words."""
    folder.mkdir(parents=True, exist_ok=True)
    about = []
    # A process a language, as espeak-ng keeps state.
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for language, clips in zip(languages, pool.imap(partial(_clips, seed=seed, number=number), languages)):
            for i, c in enumerate(clips):
                name = f"{language}-{i:04}.wav"
                soundfile.write(folder / name, to_16_bits(c.samples), RATE)
                about.append(dict(file=name, language=language, text=c.text(language), seconds=len(c.samples) / RATE)
                             | spoken(c, 0) | dict(recipe=c.recipe))  # fmt: skip
            marked = [w for c in clips for w in c.words]
            joined = sum(w.joined for w in marked)
            print(f"{language}: {len(clips)} clips, {len(marked)} words, {joined} of them joined")
    (folder / "words.json").write_text(json.dumps(dict(seed=seed, clips=about), ensure_ascii=False, indent=1))
