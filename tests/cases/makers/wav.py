"""WAV and its family: plain samples in files of many kinds."""

import struct

from .tools import ffmpeg, read, run, write

ONCE = "parts/once.wav"


def sized(riff: int, data: int, name: str = ONCE) -> bytes:
    """A file with other sizes in its header."""
    file = bytearray(read(name))
    assert file[36:40] == b"data"
    file[4:8], file[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    return bytes(file)


def from_pipes() -> None:
    """What programs wrote into a pipe that was saved: sizes that nobody knew yet."""
    write("wav_pipe_espeak.wav", sized(0x7FFFF024, 0x7FFFF000))
    write("wav_pipe_arecord.wav", sized(0x80000024, 0x80000000))
    write("wav_pipe_largest.wav", sized(0xFFFFFFFF, 0xFFFFFFFF - 36))
    write("wav_pipe_zero.wav", sized(0, 0))
    run(f"sh -c 'sox {ONCE} -t wav - speed 1 > wav_pipe_sox.wav'")
    run(f"sh -c 'ffmpeg -v error -nostdin -i {ONCE} -f wav - > wav_pipe_ffmpeg.wav'")


def sizes() -> None:
    file = read(ONCE)
    size = len(file) - 44
    # Writers that count the header, or part of it, or forget a sample.
    write("wav_28_too_many.wav", sized(size + 36 + 28, size + 28))
    write("wav_2_too_many.wav", sized(size + 38, size + 2))
    write("wav_2_too_few.wav", sized(size + 34, size - 2))
    # A recorder that lost power.
    minute = read("parts/minute.wav")
    write("wav_crashed.wav", minute[: 44 + (len(minute) - 44) // 2])


def chunks() -> None:
    """A chunk of odd size without the byte that pads it; chunks and junk behind the samples."""
    file = read(ONCE)
    write("wav_odd_chunk.wav", file[:36], b"LIST", struct.pack("<I", 5), b"INFO\0", file[36:])
    write("wav_chunk_behind.wav", file, b"LIST", struct.pack("<I", 4), b"INFO", b"TAG", bytes(125))


def codecs() -> None:
    for name, options in {
        "f64": "-c:a pcm_f64le",
        "f32_44100": "-ar 44100 -ac 2 -c:a pcm_f32le",
        "s24_48000": "-ar 48000 -c:a pcm_s24le",
        "s32": "-c:a pcm_s32le",
        "u8": "-c:a pcm_u8",
        "mulaw": "-ar 8000 -c:a pcm_mulaw",
        "alaw": "-ar 8000 -c:a pcm_alaw",
        "msadpcm": "-ar 8000 -c:a adpcm_ms",
        "ima": "-ar 8000 -c:a adpcm_ima_wav",
        "mp3": "-c:a libmp3lame -b:a 32k",
        "rf64": "-rf64 always",
    }.items():
        ffmpeg(f"-i {ONCE} {options} -f wav wav_{name}.wav")
    run(f"sox {ONCE} -B -t wav wav_rifx.wav")


def family() -> None:
    """Other containers of plain samples."""
    ffmpeg(f"-i {ONCE} wave64.w64")
    for name in ("aiff", "au", "caf"):
        run(f"sox {ONCE} {name}.{name}")
    ffmpeg(f"-i {ONCE} -c:a pcm_mulaw -ar 8000 au_mulaw.au")
    ffmpeg(f"-i {ONCE} -c:a pcm_s16le -f aiff aiff_little_endian.aifc")
    ffmpeg(f"-i {ONCE} -c:a pcm_f32be aiff_float.aifc")
    ffmpeg(f"-i {ONCE} -c:a alac -f caf caf_alac.caf")
    ffmpeg(f"-i {ONCE} -c:a pcm_s16le -f caf caf_little_endian.caf")


def make() -> None:
    for case in (from_pipes, sizes, chunks, codecs, family):
        case()
