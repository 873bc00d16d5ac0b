"""Files of more than 4 GiB, most of it a hole that takes no space, and an hour of recording."""

import struct

from . import mp4
from .tools import ffmpeg, read


def wav() -> None:
    """Eight channels of 64-bit floats at 48 kHz for 24 minutes: the sizes of 32 bits have wrapped. Speech stands at both ends."""
    channels, rate, width = 8, 48_000, 8
    ffmpeg(f"-i parts/once.wav -ar {rate} -af 'pan=octagonal|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0' -f f64le parts/once.f64")
    sound = read("parts/once.f64")
    block = channels * width
    total = (1 << 32) + rate * block * 60
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, channels, rate, rate * block, block, 8 * width)
    head = struct.pack("<4sI4s", b"RIFF", (total + 36) & 0xFFFFFFFF, b"WAVE") + fmt + struct.pack("<4sI", b"data", total & 0xFFFFFFFF)
    with open("large_wav.wav", "wb") as file:
        file.write(head + sound)
        file.seek(len(head) + total - len(sound))
        file.write(sound)


def m4a() -> None:
    """Two hours of a film in between: the index first, offsets of 64 bits, 5 GiB of data."""
    hole = 5 << 30
    ffmpeg("-i parts/half_minute.wav -c:a aac -b:a 48k -movflags +faststart -f mp4 parts/large.m4a")
    data = read("parts/large.m4a")
    tops = {kind: (start, body, end) for kind, start, body, end in mp4.boxes(data)}
    index = bytearray(data[tops[b"moov"][0] : tops[b"moov"][2]])
    media = tops[b"mdat"]
    start, body, end = mp4.find(index, "moov/trak/mdia/minf/stbl/stco")
    count = mp4.number(index, body + 4)
    old = [mp4.number(index, body + 8 + 4 * number) for number in range(count)]
    grown = 4 * count
    head = data[: tops[b"ftyp"][2]]
    first = len(head) + len(index) + grown + 16 + hole
    table = struct.pack(">I4sII", 16 + 8 * count, b"co64", 0, count)
    table += b"".join(struct.pack(">Q", first + offset - media[1]) for offset in old)
    for path in ("moov", "moov/trak", "moov/trak/mdia", "moov/trak/mdia/minf", "moov/trak/mdia/minf/stbl"):
        at = mp4.find(index, path)[0]
        mp4.number(index, at, mp4.number(index, at) + grown)
    index[start:end] = table
    sound = data[media[1] : media[2]]
    with open("large_m4a.m4a", "wb") as file:
        file.write(head + index + struct.pack(">I4sQ", 1, b"mdat", 16 + hole + len(sound)))
        file.seek(hole, 1)
        file.write(sound)


def hour() -> None:
    """A phrase each minute of an hour at 44.1 kHz: the last one is as exact as the first."""
    ffmpeg("-i parts/phrase_0.wav -af aresample=44100,apad=whole_len=2646000 parts/minute_44100.wav")
    ffmpeg("-stream_loop 59 -i parts/minute_44100.wav -c copy large_hour.wav")


def make() -> None:
    for case in (wav, m4a, hour):
        case()
