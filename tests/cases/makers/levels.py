"""Speech that is quiet, or hidden by how it was recorded."""

import math
import struct

from .tools import ffmpeg, read, write


def sides() -> None:
    """Left is the inverse of right: a wrongly wired adapter."""
    for name in ("once", "half_minute"):
        ffmpeg(f"-i parts/{name}.wav -filter_complex 'pan=stereo|c0=c0|c1=-1*c0' level_sides_cancel_{name}.wav")


def scales() -> None:
    """Floats in the range of 16 bits, as scipy writes an array that was not scaled."""
    ffmpeg("-i parts/half_minute.wav -af volume=90.3dB -c:a pcm_f32le level_unscaled.wav")


def quiet() -> None:
    """35 dB quieter, and so with an offset of a cheap sound card."""
    ffmpeg("-i parts/half_minute.wav -af volume=-35dB level_quiet.wav")
    ffmpeg("-i parts/half_minute.wav -af volume=-35dB,dcshift=0.2 level_quiet_offset.wav")


def two_speakers() -> None:
    """Two phrases take turns, three seconds apart, the second one 35 dB quieter than the first."""
    turn = "[0]apad=pad_len=48000[near];[1]volume=-35dB,apad=pad_len=48000[far];[near][far]concat=v=0:a=1,aloop=5:2147483647"
    ffmpeg(f"-i parts/phrase_0.wav -i parts/phrase_1.wav -filter_complex '{turn}' level_far_speaker.wav")


def impossible() -> None:
    """Samples that are no numbers, in the silence between the phrases, as a faulty driver or filter leaves them."""
    ffmpeg("-i parts/once.wav -c:a pcm_f32le -bitexact parts/once_f32.wav")
    data = bytearray(read("parts/once_f32.wav"))
    start = data.index(b"data") + 8 + 4 * 27_200
    data[start : start + 4000] = struct.pack("<f", math.nan) * 1000
    write("level_no_numbers.wav", data)


def make() -> None:
    for case in (sides, scales, quiet, two_speakers, impossible):
        case()
