"""FLAC: streams that change, odd descriptions, damage."""

import struct

from .speech import ROUND
from .tools import ffmpeg, read, run, write

# Places of fields in a file: the description stands behind the magic and its own header.
MIN_BLOCK, MAX_BLOCK, FRAME_SIZES, RATE_TO_TOTAL, MD5 = slice(8, 10), slice(10, 12), slice(12, 18), slice(18, 26), slice(26, 42)
DESCRIPTION_END = 42


def split(path: str) -> tuple[bytearray, bytes]:
    """The metadata, and the frames."""
    data, at = read(path), 4
    while True:
        is_last = data[at] & 0x80
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        if is_last:
            return bytearray(data[:at]), data[at:]


def forget_total(head: bytearray) -> bytearray:
    """Removes the number of samples and their checksum."""
    values = int.from_bytes(head[RATE_TO_TOTAL], "big") >> 36 << 36
    head[RATE_TO_TOTAL], head[MD5] = values.to_bytes(8, "big"), bytes(16)
    return head


def checksum(data: bytes, bits: int, polynomial: int) -> bytes:
    value = 0
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
            value &= (1 << bits) - 1
    return value.to_bytes(bits // 8, "big")


def frames(data: bytes) -> list[tuple[bytearray, int]]:
    """The frames, fewer than 128, of one size, each with the length of its header up to the checksum."""
    starts = []
    for at in range(len(data) - 6):
        if data[at : at + 2] == b"\xff\xf8" and data[at + 4] == len(starts):
            end = at + 5 + {6: 1, 7: 2}.get(data[at + 2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(data[at + 2] & 15, 0)
            if checksum(data[at:end], 8, 0x07) == data[end : end + 1]:
                starts.append((at, end - at))
    ends = [at for at, _ in starts[1:]] + [len(data)]
    return [(bytearray(data[at:end]), head) for (at, head), end in zip(starts, ends, strict=True)]


def changes() -> None:
    """A station that switches programmes: frames of another rate, of other channels, of other bits follow."""
    for name, options in {
        "stereo": "-ar 44100 -ac 2",
        "mono": "-ar 44100 -ac 1",
        "32000": "-ar 32000 -ac 2",
        "24_bits": "-ar 44100 -ac 2 -sample_fmt s32",
    }.items():
        ffmpeg(f"-i parts/once.wav {options} -c:a flac parts/{name}.flac")
    head, stereo = split("parts/stereo.flac")
    for name, other in {"channels": "mono", "rate": "32000", "bits": "24_bits"}.items():
        write(f"flac_changes_{name}.flac", forget_total(head), stereo, split(f"parts/{other}.flac")[1])
    # Whole files, one behind the other.
    write("flac_joined.flac", read("parts/stereo.flac"), read("parts/32000.flac"))


def descriptions() -> None:
    """Descriptions that say too little, or something odd."""
    ffmpeg("-i parts/once.wav -c:a flac parts/once.flac")
    file = bytearray(read("parts/once.flac"))
    file[MIN_BLOCK] = bytes(2)
    write("flac_min_block_0.flac", file)
    head, rest = split("parts/once.flac")
    write("flac_no_total.flac", forget_total(head), rest)
    write("flac_tag_before.flac", b"ID3\x03\0\0\0\0\0\x0a", bytes(10), read("parts/once.flac"))
    write("flac_bytes_behind.flac", read("parts/once.flac"), bytes(range(12)))

    def track(number: int, at: int) -> bytes:
        index = b"\0" if number == 170 else b"\1" + struct.pack(">QB", 0, 1) + bytes(3)
        return struct.pack(">QB", at, number) + bytes(12 + 1 + 13) + index

    # Tracks that do not start at sectors of a CD.
    tracks = track(1, 0) + track(2, 1000) + track(170, ROUND)
    sheet = bytes(128) + struct.pack(">Q", 0) + b"\x80" + bytes(258) + b"\3" + tracks
    file = read("parts/once.flac")
    block = b"\5" + len(sheet).to_bytes(3, "big") + sheet
    write("flac_cue_sheet.flac", file[:DESCRIPTION_END], block, file[DESCRIPTION_END:])


def old_variable() -> None:
    """Blocks of several sizes in frames that say their size is fixed, as old Flake wrote them."""
    parts = []
    for size in (4096, 1152):
        ffmpeg(f"-i parts/once.wav -c:a flac -frame_size {size} parts/{size}.flac")
        head, data = split(f"parts/{size}.flac")
        parts.append(frames(data))
    # The last frame of the first part is shorter than the others.
    joined = parts[0][:-1] + parts[1]
    for number, (frame, end) in enumerate(joined):
        frame[4] = number
        frame[end : end + 1] = checksum(frame[:end], 8, 0x07)
        frame[-2:] = checksum(frame[:-2], 16, 0x8005)
    total = 4096 * len(parts[0][:-1]) + ROUND
    head[MIN_BLOCK], head[MAX_BLOCK], head[FRAME_SIZES] = (1152).to_bytes(2, "big"), (4096).to_bytes(2, "big"), bytes(6)
    values = int.from_bytes(head[RATE_TO_TOTAL], "big") >> 36 << 36 | total
    head[RATE_TO_TOTAL], head[MD5] = values.to_bytes(8, "big"), bytes(16)
    write("flac_old_variable.flac", head, *(frame for frame, _ in joined))


def wide() -> None:
    """32 bits a sample."""
    pan = "-filter_complex 'pan=stereo|c0=0.7*c0|c1=0.31*c0,volume=0.77'"
    ffmpeg(f"-i parts/once.wav {pan} -c:a pcm_s32le parts/32_bits.wav")
    run("flac -f -s -8 -o flac_32_bits.flac parts/32_bits.wav")


def damage() -> None:
    ffmpeg("-i parts/half_minute.wav -c:a flac parts/half_minute.flac")
    file = bytearray(read("parts/half_minute.flac"))
    middle = len(file) // 2
    file[MD5] = bytes(range(16))
    write("flac_wrong_checksum.flac", file)
    file = read("parts/half_minute.flac")
    write("flac_cut.flac", file[: len(file) * 3 // 4])
    write("flac_flipped_bit.flac", file[:middle], bytes([file[middle] ^ 0x10]), file[middle + 1 :])
    write("flac_lost_bytes.flac", file[:middle], file[middle + 30_000 :])


def make() -> None:
    for case in (changes, descriptions, old_variable, wide, damage):
        case()
