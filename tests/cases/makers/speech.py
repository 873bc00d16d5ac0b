"""What is said: two phrases that the demo model knows, with a second of silence behind each."""

import wave
from pathlib import Path

from .tools import ffmpeg

RATE = 16_000
PHRASES = ("hindi-1.wav", "hindi-2.flac")
# How often both phrases are said in each of the parts; `spoken.rs` knows these numbers, too.
ROUNDS = {"once": 1, "half_minute": 7, "minute": 14}
# Samples, and seconds, of both phrases with their silence.
ROUND = 65_740
ROUND_S = ROUND / RATE


def samples(path: str) -> bytes:
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2), path
        return file.readframes(file.getnframes())


def save(path: str, data: bytes, rate: int = RATE) -> None:
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(data)


def make(examples: Path) -> None:
    """Writes parts/once.wav, parts/half_minute.wav and parts/minute.wav, mono at 16 kHz, and the phrases."""
    once = b""
    for number, phrase in enumerate(PHRASES):
        ffmpeg(f"-i '{examples / phrase}' -bitexact parts/phrase_{number}.wav")
        once += samples(f"parts/phrase_{number}.wav") + bytes(2 * RATE)
    assert len(once) == 2 * ROUND
    for name, rounds in ROUNDS.items():
        save(f"parts/{name}.wav", once * rounds)
