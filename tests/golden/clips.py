"""The clips of a golden folder: what is said in them, and how it is turned into files of many rates and layouts."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/reference"))
from reference import Json, resample, rng  # noqa: E402


class Speech(NamedTuple):
    voice: str
    text: str
    tested: tuple[str, ...]  # Target languages of the goldens, the first with all searches.
    targets: dict[str, str]  # What the model is trained to answer.


SPEECH = {
    "hi": Speech("hi", "आज मौसम अच्छा है।", ("eng", "hin"), {
        "hin": "आज मौसम अच्छा है।", "eng": "The weather is pleasant today.", "tam": "இன்று வானிலை நன்றாக உள்ளது."}),
    "bn": Speech("bn", "আমরা কাল গ্রামে যাব।", ("eng", "ben"), {
        "ben": "আমরা কাল গ্রামে যাব।", "eng": "We will go to the village tomorrow.", "hin": "हम कल गाँव जाएँगे।"}),
    "ta": Speech("ta", "இன்று வானிலை நன்றாக உள்ளது.", ("tam",), {
        "tam": "இன்று வானிலை நன்றாக உள்ளது.", "eng": "It is a fine day, isn't it?", "tel": "ఈ రోజు వాతావరణం బాగుంది."}),
    "te": Speech("te", "మేము రేపు వెళ్తాము.", ("tel",), {  # Short, for the searches with a smallest length.
        "tel": "రేపు.", "eng": "We are leaving in the morning.", "kan": "ನಾವು ನಾಳೆ ಹೋಗುತ್ತೇವೆ."}),
    "en": Speech("en-us", "Thank you very much for your help.", ("hin", "tam"), {  # Repeats itself, for the penalties.
        "hin": "बहुत बहुत धन्यवाद, बहुत बहुत धन्यवाद।", "eng": "Thank you very much!",
        "tam": "மிகவும் நன்றி, மிகவும் நன்றி."}),
}  # fmt: skip


def speak(speech: Speech) -> tuple[np.ndarray, int]:
    command = ["espeak-ng", "-v", speech.voice, "-s", "175", "--stdout", speech.text]
    return sf.read(io.BytesIO(subprocess.run(command, check=True, capture_output=True).stdout), dtype="float32")


def float_wav(samples: np.ndarray, rate: int) -> bytes:
    """One channel of floats; libsndfile would add the time of day."""
    data = samples.astype("<f4").tobytes()
    header = struct.pack("<4sI8sIHHIIHHH", b"RIFF", 50 + len(data), b"WAVEfmt ", 18, 3, 1, rate, 4 * rate, 4, 32, 0)
    return header + struct.pack("<4sII4sI", b"fact", 4, len(samples), b"data", len(data)) + data


def make_clips(folder: Path, seed: int) -> dict[str, Json]:
    """Writes the clips; returns what the manifest says of them."""
    clips: dict[str, Json] = {}

    def put(name: str, samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16", **notes: str) -> None:
        path = folder / f"{name}.wav"
        if subtype == "FLOAT":
            path.write_bytes(float_wav(samples, rate))
        else:
            sf.write(path, samples, rate, subtype=subtype)
        channels = samples.shape[1] if samples.ndim == 2 else 1
        clips[name] = {"file": path.name, "sampling_rate": rate, "channels": channels, "subtype": subtype} | notes

    def noise(name: str, count: int) -> np.ndarray:
        return rng(seed, name).standard_normal(count).astype(np.float32)

    spoken = {name: speak(speech) for name, speech in SPEECH.items()}
    for name, (samples, rate) in spoken.items():
        samples = resample(samples, rate, 16_000)
        samples = 0.7 * samples / np.abs(samples).max()
        frames = 1 + (len(samples) - 400) // 160
        if (frames % 2 == 1) != (name in ("bn", "te")):  # Both kinds: the mask leaves out the last of an odd number.
            samples = samples[:-160]
        put(f"{name}_16k", samples, text=SPEECH[name].text, voice=SPEECH[name].voice)
        if name == "hi":  # 33 is 1 modulo 8: the last window of the adapter reaches into the padding.
            put("hi_cut_16k", samples[: 400 + 160 * 65], note="66 frames -> 33 stacked")
    put("noise_16k", 0.1 * noise("noise", 9600))
    time = 2 * np.pi * np.arange(12_800) / 16_000
    put("sine_16k", (0.5 * np.sin(440 * time) + 0.2 * np.sin(1234.5 * time)).astype(np.float32))
    put("silence_16k", np.zeros(9600, np.float32))
    left = resample(*spoken["hi"], 44_100)[:39_690]
    right = 0.3 * np.roll(left, 300) + 0.05 * noise("right", len(left))
    put("hi_44k_stereo", 0.8 * np.stack([left, right], 1), 44_100, note="left channel is the reference input")
    left = resample(*spoken["en"], 8_000)
    right = 0.5 * np.roll(left, 40)
    put("en_8k_stereo", 0.8 * np.stack([left, right], 1), 8_000, note="left channel is the reference input")
    samples, rate = spoken["te"]
    put("te_22k_f32", samples[: int(0.8 * rate)], rate, "FLOAT")
    put("ta_48k_s24", 0.9 * resample(*spoken["ta"], 48_000)[:33_600], 48_000, "PCM_24")
    put("two_frames_16k", 0.1 * noise("two frames", 560), note="exactly two 10 ms frames")
    return clips
