"""MP4 and QuickTime."""

import struct
from collections.abc import Iterator

from .speech import ROUND_S
from .tools import drop, ffmpeg, read, write

VIDEO = "-f lavfi -i testsrc=s=64x64:r=5"
FRAGMENTED = "-movflags frag_keyframe+empty_moov+default_base_moof -frag_duration 1000000"


def boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start, start of the body and end of each box."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = at + 8
        if size == 1:
            size, body = struct.unpack(">Q", data[at + 8 : at + 16])[0], at + 16
        yield kind, at, body, at + size
        at += size


def find(data: bytes, path: str, at: int = 0, end: int | None = None) -> tuple[int, int, int]:
    """Start, start of the body and end of the box at a path such as `moov/trak`."""
    kind, _, rest = path.partition("/")
    found = next((box[1:] for box in boxes(data, at, end) if box[0] == kind.encode()), None)
    assert found, path
    return find(data, rest, found[1], found[2]) if rest else found


def number(data: bytearray, at: int, value: int | None = None) -> int:
    """Reads 32 bits, or replaces them."""
    if value is not None:
        data[at : at + 4] = struct.pack(">I", value)
    return struct.unpack(">I", data[at : at + 4])[0]


def quicktime() -> None:
    for name in ("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le", "aac", "alac", "adpcm_ima_qt", "pcm_alaw"):
        ffmpeg(f"-i parts/once.wav -c:a {name} -f mov mov_{name}.mov")
    # Without the box that says what it is.
    for name, kind in {"aac": b"free", "pcm_s16le": b"wide"}.items():
        data = read(f"mov_{name}.mov")
        write(f"mov_no_type_{name}.mov", data[:4], kind, data[8:])


def plain() -> None:
    for name, options in {
        "aac": "-c:a aac -b:a 48k",
        "aac_first": "-c:a aac -b:a 48k -movflags +faststart",
        "alac": "-c:a alac",
        "mp3": "-c:a libmp3lame -b:a 32k",
        "opus": "-c:a libopus -b:a 24k",
        "flac": "-c:a flac -strict -2",
    }.items():
        ffmpeg(f"-i parts/half_minute.wav {options} -f mp4 mp4_{name}.m4a")
    write("mp4_bytes_behind.m4a", read("mp4_aac.m4a"), bytes(range(12)))
    data = read("mp4_aac_first.m4a")
    write("mp4_cut.m4a", data[: len(data) * 3 // 4])
    write("mp4_no_index.m4a", read("mp4_aac.m4a")[:-2000])
    ffmpeg(f"{VIDEO}:d=28.8 -i parts/half_minute.wav -c:v mpeg4 -c:a aac -movflags +faststart mp4_video.mp4")


def he_aac() -> None:
    """HE-AAC as phones write it: a core of half the rate, said by the rate of the core or by the full one."""
    ffmpeg("-i parts/half_minute.wav -ar 24000 -c:a aac -b:a 32k -f mp4 parts/core.m4a")
    data = bytearray(read("parts/core.m4a"))
    at = data.index(b"\x05\x80\x80\x80") + 5
    size = data[at - 1]
    bits = "".join(f"{byte:08b}" for byte in data[at : at + size])
    # AAC-LC, 24 kHz, mono.
    assert bits.startswith("00010" "0110" "0001"), bits
    # Spectral band replication, 24 kHz, mono, in all 48 kHz, over AAC-LC.
    bits = "00101" "0110" "0001" "0011" "00010" "000"
    data[at : at + size] = int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    write("mp4_he_aac_core_rate.m4a", data)
    media = "moov/trak/mdia"
    for place in find(data, f"{media}/mdhd")[1] + 12, find(data, f"{media}/mdhd")[1] + 16:
        number(data, place, number(data, place) * 2)
    table = find(data, f"{media}/minf/stbl/stts")[1]
    for entry in range(number(data, table + 4)):
        place = table + 8 + 8 * entry + 4
        number(data, place, number(data, place) * 2)
    number(data, data.index(b"mp4a") + 28, 48_000 << 16)
    place = find(data, "moov/trak/edts/elst")[1] + 12
    number(data, place, number(data, place) * 2)
    write("mp4_he_aac.m4a", data)
    # With parametric stereo.
    bits = bits.replace("00101", "11101", 1)
    data[at : at + size] = int(bits.ljust(8 * size, "0"), 2).to_bytes(size, "big")
    write("mp4_he_aac_v2.m4a", data)


def offsets() -> None:
    """Sound that starts after the pictures, by an empty edit; a cut by an edit list; gaps; fragments that start late."""
    late = "-itsoffset 5 -i parts/half_minute.wav -map 0:v -map 1:a"
    ffmpeg(f"{VIDEO}:d=34 {late} -c:v mpeg4 -c:a aac mp4_late.mp4")
    ffmpeg(f"{VIDEO}:d=34 {late} -c:v mpeg4 -c:a aac {FRAGMENTED} mp4_late_fragments.mp4")
    ffmpeg(f"-ss {2 * ROUND_S - 0.5} -i mp4_aac.m4a -c copy mp4_edited.m4a")
    ffmpeg(f"-i mp4_aac.m4a -c copy {drop(2 * ROUND_S - 0.5, 4 * ROUND_S - 0.5)} mp4_gap.m4a")
    ffmpeg(f"-i parts/half_minute.wav -ar 48000 -c:a aac -b:a 48k {FRAGMENTED} mp4_fragments.mp4")
    data = bytearray(read("mp4_fragments.mp4"))
    for kind, _, body, end in list(boxes(data)):
        if kind == b"moof":
            time = find(data, "traf/tfdt", body, end)[1]
            assert data[time] == 1
            ticks = struct.unpack(">Q", data[time + 4 : time + 12])[0]
            data[time + 4 : time + 12] = struct.pack(">Q", ticks + 7 * 48_000)
    write("mp4_fragments_late.mp4", data)
    write("mp4_fragments_cut.mp4", data[: len(data) * 3 // 4])


def tracks() -> None:
    """The second track is the one that is enabled."""
    ffmpeg(
        "-f lavfi -i anullsrc=r=16000:cl=mono:d=28 -i parts/half_minute.wav -map 0:a -map 1:a -c:a aac "
        "-disposition:a:0 0 -disposition:a:1 default mp4_second_track.m4a"
    )


def make() -> None:
    for case in (quicktime, plain, he_aac, offsets, tracks):
        case()
