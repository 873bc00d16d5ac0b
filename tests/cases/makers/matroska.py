"""Matroska and WebM."""

import zlib
from collections.abc import Callable, Iterator

from .mp4 import VIDEO
from .speech import ROUND_S
from .tools import drop, ffmpeg, read, write

SEGMENT, INFO, TRACKS, TRACK = b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\xae"
CLUSTER, GROUP, BLOCK, SIMPLE_BLOCK = b"\x1f\x43\xb6\x75", b"\xa0", b"\xa1", b"\xa3"
ENCODINGS, ENCODING, COMPRESSION, ALGORITHM, SETTINGS = b"\x6d\x80", b"\x62\x40", b"\x50\x34", b"\x42\x54", b"\x42\x55"


def width(first: int) -> int:
    """The number of bytes of a number, by its first one."""
    return 9 - first.bit_length()


def elements(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        end = at + width(data[at])
        kind, size_end = data[at:end], end + width(data[end])
        bits = 7 * (size_end - end)
        size = int.from_bytes(data[end:size_end], "big") & (1 << bits) - 1
        at = len(data) if size == (1 << bits) - 1 else size_end + size
        yield kind, data[size_end:at]


def element(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return kind + (1 << 56 | len(body)).to_bytes(8, "big") + body


def compressed(data: bytes, encoding: bytes, pack: Callable[[bytes], bytes]) -> bytes:
    """The file with the frames of all tracks encoded."""

    def block(body: bytes) -> bytes:
        return body[:4] + pack(body[4:])

    def inside(kind: bytes, body: bytes) -> bytes:
        if kind in (SEGMENT, TRACKS, CLUSTER, GROUP):
            kept = (found for found in elements(body) if kind != SEGMENT or found[0] in (INFO, TRACKS, CLUSTER))
            return element(kind, *(inside(*found) for found in kept))
        if kind == TRACK:
            return element(kind, body, encoding)
        return element(kind, block(body) if kind in (BLOCK, SIMPLE_BLOCK) else body)

    return b"".join(inside(*found) for found in elements(data))


def compression() -> None:
    """Frames that are compressed, or have their first bytes stripped, as older versions of mkvmerge do."""

    def encoding(*settings: bytes) -> bytes:
        return element(ENCODINGS, element(ENCODING, element(COMPRESSION, *settings)))

    def strip(frame: bytes) -> bytes:
        assert frame.startswith(b"\xff")
        return frame[1:]

    ffmpeg("-i parts/half_minute.wav -c:a pcm_s16le -f matroska parts/pcm.mka")
    write("mkv_zlib.mka", compressed(read("parts/pcm.mka"), encoding(element(ALGORITHM, b"\0")), zlib.compress))
    ffmpeg("-i parts/half_minute.wav -c:a libmp3lame -b:a 32k -f matroska parts/mp3.mka")
    stripped = encoding(element(ALGORITHM, b"\3"), element(SETTINGS, b"\xff"))
    write("mkv_stripped.mka", compressed(read("parts/mp3.mka"), stripped, strip))


def codecs() -> None:
    for name, options in {
        "vorbis": "-c:a libvorbis -q:a 2",
        "opus": "-c:a libopus -b:a 24k",
        "flac": "-c:a flac",
        "alac": "-c:a alac",
        "f32": "-c:a pcm_f32le",
        "mp3": "-c:a libmp3lame -b:a 32k",
    }.items():
        ffmpeg(f"-i parts/half_minute.wav {options} -f matroska mkv_{name}.mka")


def tracks() -> None:
    """Two tracks: the flag of the default is 0 in the first and left out, which means 1, in the second."""
    ffmpeg(
        "-f lavfi -i anullsrc=r=16000:cl=mono:d=28 -i parts/half_minute.wav -map 0:a -map 1:a -c:a aac "
        "-disposition:a:0 0 -disposition:a:1 default mkv_second_track.mkv"
    )


def sizes() -> None:
    """Browsers that record: neither the segment nor the clusters say how long they are."""
    ffmpeg("-i parts/half_minute.wav -c:a libopus -b:a 24k -cluster_time_limit 1000 -f webm -live 1 webm_live.webm")
    data = bytearray(read("webm_live.webm"))
    at, clusters = data.find(CLUSTER), 0
    while at >= 0:
        size = at + 4
        length = width(data[size])
        data[size : size + length] = bytes([(1 << 9 - length) - 1]) + b"\xff" * (length - 1)
        clusters += 1
        at = data.find(CLUSTER, size)
    assert clusters > 10
    write("webm_unknown_sizes.webm", data)
    write("webm_cut.webm", data[:-42])


def damage() -> None:
    ffmpeg("-i parts/half_minute.wav -c:a aac -cluster_time_limit 1000 parts/clusters.mkv")
    data = read("parts/clusters.mkv")
    middle = len(data) // 2
    write("mkv_cut.mkv", data[: len(data) * 3 // 4])
    write("mkv_junk_middle.mkv", data[:middle], bytes(range(256)) * 4, data[middle + 1024 :])
    write("mkv_lost_bytes.mkv", data[:middle], data[middle + 8192 :])


def offsets() -> None:
    """Sound that starts after the pictures; pauses in which nothing was written."""
    late = f"{VIDEO}:d=34 -itsoffset 5 -i parts/half_minute.wav -map 0:v -map 1:a"
    ffmpeg(f"{late} -c:v mpeg4 -c:a aac mkv_late.mkv")
    ffmpeg(f"{late} -c:v libvpx -c:a libopus webm_late.webm")
    gap = drop(2 * ROUND_S - 0.5, 4 * ROUND_S - 0.5)
    ffmpeg("-i parts/half_minute.wav -c:a libvorbis -f webm parts/vorbis.webm")
    ffmpeg(f"-i parts/clusters.mkv -c copy {gap} mkv_gap.mkv")
    ffmpeg(f"-i parts/vorbis.webm -c copy {gap} webm_gap_vorbis.webm")
    ffmpeg(f"-i webm_live.webm -c copy {gap} webm_gap.webm")
    gap = drop(5 + ROUND_S - 0.5, 5 + 3 * ROUND_S - 0.5)
    ffmpeg(f"-i mkv_late.mkv -c copy {gap} mkv_late_gap.mkv")
    ffmpeg(f"-i webm_late.webm -c copy {gap} webm_late_gap.webm")


def make() -> None:
    for case in (compression, codecs, tracks, sizes, damage, offsets):
        case()
