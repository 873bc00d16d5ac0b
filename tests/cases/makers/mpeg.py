"""MP3, MP2 and AAC in ADTS: streams of frames."""

import struct

from .tools import ffmpeg, read, write

ID3V1 = b"TAG" + b"t".ljust(125, b"\0")
ID3V2 = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
BARE = "-write_xing 0 -id3v2_version 0"


def mp3_damage() -> None:
    ffmpeg("-i parts/half_minute.wav -c:a libmp3lame -b:a 32k -id3v2_version 0 parts/half_minute.mp3")
    data = read("parts/half_minute.mp3")
    middle = len(data) // 2
    write("mp3_junk_middle.mp3", data[:middle], bytes(range(1, 201)), data[middle:])
    write("mp3_little_junk_middle.mp3", data[:middle], b"junk" * 4, b"..", data[middle:])
    write("mp3_lost_bytes.mp3", data[:middle], data[middle + 3000 :])
    write("mp3_last_frame_cut.mp3", data[:-60])
    write("mp3_joined_late.mp3", data[middle:])
    # The information frame counts more frames than there are.
    at = data.index(b"Info")
    count = struct.unpack(">I", data[at + 8 : at + 12])[0]
    write("mp3_counts_too_many.mp3", data[: at + 8], struct.pack(">I", count + 100), data[at + 12 :])


def mp3_around() -> None:
    """Something else before or behind the frames."""
    ffmpeg("-i parts/once.wav -c:a libmp3lame -b:a 32k -id3v2_version 0 parts/once.mp3")
    data = read("parts/once.mp3")
    write("mp3_junk_before.mp3", b"\xaa" * 26, data)
    write("mp3_text_behind.mp3", data, b"\r\n--boundary--\r\n")
    write("mp3_tags_behind.mp3", data, ID3V1, ID3V2)
    write("mp3_tags_twice.mp3", data, ID3V1, ID3V1)


def mp3_joined() -> None:
    """A programme behind a jingle: other channels, other rates."""
    for name, options in {
        "44100": f"-ar 44100 -ac 1 -b:a 64k {BARE}",
        "48000_stereo": f"-ar 48000 -ac 2 -b:a 128k {BARE}",
        "22050": f"-ar 22050 -ac 1 -b:a 32k {BARE}",
        "48000": f"-ar 48000 -ac 1 -b:a 64k {BARE}",
        "whole": "-b:a 32k",
    }.items():
        ffmpeg(f"-i parts/once.wav -c:a libmp3lame {options} parts/{name}.mp3")
    for name, parts in {
        "channels": ("48000_stereo", "48000"),
        "layout": ("48000_stereo", "22050"),
        "rates": ("48000", "44100"),
        "files": ("whole", "whole"),
    }.items():
        write(f"mp3_joined_{name}.mp3", *(read(f"parts/{part}.mp3") for part in parts))


def mp2() -> None:
    ffmpeg("-i parts/once.wav -c:a mp2 mp2.mp2")


def adts_frames(path: str) -> list[bytes]:
    data, found, at = read(path), [], 0
    while at < len(data):
        size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        found.append(data[at : at + size])
        at += size
    return found


def adts() -> None:
    ffmpeg("-i parts/half_minute.wav -c:a aac -b:a 48k -f adts parts/half_minute.aac")
    data, frames = read("parts/half_minute.aac"), adts_frames("parts/half_minute.aac")
    write("adts_last_frame_cut.aac", data[:-20])
    # A radio stream that was tuned into within a frame, in the silence behind the first phrases.
    write("parts/late.aac", *frames[53:])
    write("adts_joined_late.aac", frames[52][50:], *frames[53:])
    middle = len(data) // 2
    write("adts_junk_middle.aac", data[:middle], bytes(range(1, 201)), data[middle:])
    # Segments of HTTP live streaming, each behind a tag with its time.
    owner, segments = b"com.apple.streaming.transportStreamTimestamp\0", []
    for first in range(0, len(frames), 94):
        body = owner + struct.pack(">Q", first * 1024 * 90_000 // 16_000)
        frame = b"PRIV" + struct.pack(">I", len(body)) + b"\0\0" + body
        segments += [b"ID3\x04\0\0\0\0\0", bytes([len(frame)]), frame, *frames[first : first + 94]]
    write("adts_segments.aac", *segments)
    for name, options in {"16000": "-b:a 32k", "22050_stereo": "-ar 22050 -ac 2 -b:a 64k"}.items():
        ffmpeg(f"-i parts/once.wav -c:a aac {options} -f adts parts/{name}.aac")
    write("adts_joined.aac", read("parts/16000.aac"), read("parts/22050_stereo.aac"))


def make() -> None:
    for case in (mp3_damage, mp3_around, mp3_joined, mp2, adts):
        case()
