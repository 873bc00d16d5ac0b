"""Ogg: Opus, Vorbis and FLAC."""

import struct

from .speech import ROUND_S
from .tools import drop, ffmpeg, read, write

END = 4
START = 2


def table() -> list[int]:
    """The checksum of each byte, by the polynomial 0x04c11db7."""
    sums = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        sums.append(value)
    return sums


SUMS = table()


def seal(page: bytearray) -> bytearray:
    """Sets the checksum."""
    page[22:26] = bytes(4)
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ SUMS[value >> 24 ^ byte]
    page[22:26] = struct.pack("<I", value)
    return page


def pages(path: str) -> list[bytearray]:
    data, found, at = read(path), [], 0
    while at < len(data):
        assert data[at : at + 4] == b"OggS"
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        found.append(bytearray(data[at:end]))
        at = end
    return found


def page(serial: int, sequence: int, flags: int, body: bytes | None) -> bytearray:
    """A page of one packet, or of none, that ends no sound."""
    segments = b"" if body is None else bytes([len(body)])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, sequence, 0, len(segments))
    return seal(bytearray(head + segments + (body or b"")))


def sources() -> None:
    """Pages of 200 ms, as small as those of live streams."""
    for name in ("once", "half_minute"):
        ffmpeg(f"-i parts/{name}.wav -c:a libopus -b:a 24k -application voip -page_duration 200000 parts/{name}.opus")
        ffmpeg(f"-i parts/{name}.wav -c:a libvorbis -q:a 2 -page_duration 200000 parts/{name}.ogg")


def no_end_flag() -> None:
    """Voice notes of Android messengers."""
    for extension in ("opus", "ogg"):
        found = pages(f"parts/once.{extension}")
        found[-1][5] &= ~END
        seal(found[-1])
        write(f"ogg_no_end_flag.{extension}", *found)


def promises_more() -> None:
    """The last page promises 40 ms more than its packets hold."""
    found = pages("parts/once.opus")
    granule = struct.unpack("<q", found[-1][6:14])[0]
    found[-1][6:14] = struct.pack("<q", granule + 1920)
    seal(found[-1])
    write("ogg_promises_more.opus", *found)


def empty_end() -> None:
    """A page without a packet, or with an empty one, carries the end flag."""
    for name, segments in (("page", b""), ("packet", b"\0")):
        found = pages("parts/once.ogg")
        found[-1][5] &= ~END
        seal(found[-1])
        last = bytearray(found[-1][:27])
        sequence = struct.unpack("<I", last[18:22])[0] + 1
        last[5], last[18:22], last[26] = END, struct.pack("<I", sequence), len(segments)
        write(f"ogg_empty_end_{name}.ogg", *found, seal(last + segments))


def joined_late() -> None:
    """A radio stream that was tuned into: the headers, then pages from 3.6 s on, and no end."""
    for extension in ("opus", "ogg"):
        found = pages(f"parts/half_minute.{extension}")
        late = next(n for n, page in enumerate(found) if struct.unpack("<q", page[6:14])[0] >= 3.6 * rate(extension))
        write(f"ogg_joined_late.{extension}", *found[:2], *found[late + 1 : -1])


def rate(extension: str) -> int:
    """Granules per second."""
    return 48_000 if extension == "opus" else 16_000


def lost_page() -> None:
    """200 ms in a phrase are lost on the way."""
    for extension in ("opus", "ogg"):
        found = pages(f"parts/half_minute.{extension}")
        lost = next(n for n, page in enumerate(found) if struct.unpack("<q", page[6:14])[0] >= 12.8 * rate(extension))
        write(f"ogg_lost_page.{extension}", *found[:lost], *found[lost + 1 :])


def flipped_bit() -> None:
    """A bad disk."""
    found = pages("parts/half_minute.opus")
    found[64][-20] ^= 0x10
    write("ogg_flipped_bit.opus", *found)


def pause_in_sending() -> None:
    """Recorders of calls write nothing where nothing was sent; the granule position jumps."""
    gap = drop(4 * ROUND_S - 0.5, 8 * ROUND_S - 0.5)
    ffmpeg("-i parts/minute.wav -c:a libopus -b:a 24k parts/minute.opus")
    ffmpeg(f"-i parts/minute.opus -c copy {gap} -page_duration 20000 ogg_pause_in_sending.opus")


def cut() -> None:
    """The download stopped within the last pages."""
    for extension in ("opus", "ogg"):
        data = read(f"parts/half_minute.{extension}")
        write(f"ogg_cut.{extension}", data[:-150])


def chains() -> None:
    """Two recordings in one file, with other channels or another rate."""
    ffmpeg("-i parts/once.wav -ac 2 -c:a libopus -b:a 64k -serial_offset 7 parts/stereo.opus")
    ffmpeg("-i parts/once.wav -ar 44100 -c:a libvorbis -q:a 3 -serial_offset 7 parts/44100.ogg")
    write("ogg_chain.opus", read("parts/once.opus"), read("parts/stereo.opus"))
    write("ogg_chain.ogg", read("parts/once.ogg"), read("parts/44100.ogg"))


def junk_behind() -> None:
    """Zeros behind the last page, or the tag of a tagger that knows MP3 only."""
    write("ogg_zeros_behind.opus", read("parts/once.opus"), bytes(96))
    write("ogg_tag_behind.ogg", read("parts/once.ogg"), b"TAG", b"t".ljust(125, b"\0"))


def other_streams() -> None:
    """A picture beside the sound, and the description of a Skeleton stream."""
    ffmpeg("-f lavfi -i testsrc=s=64x64:r=5:d=4.2 -i parts/once.wav -c:v libtheora -c:a libvorbis ogg_video.ogv")
    found = pages("parts/once.ogg")
    skeleton = b"fishead\0" + struct.pack("<HHqqqq", 3, 0, 0, 1000, 0, 1000) + bytes(20)
    around = page(9, 0, START, skeleton), page(9, 1, END, None)
    write("ogg_skeleton.ogg", around[0], *found[:2], around[1], *found[2:])


def flac() -> None:
    ffmpeg("-i parts/once.wav -c:a flac -f ogg ogg_flac.oga")


def make() -> None:
    sources()
    for case in (
        no_end_flag, promises_more, empty_end, joined_late, lost_page, flipped_bit, pause_in_sending, cut, chains,
        junk_behind, other_streams, flac,
    ):
        case()
