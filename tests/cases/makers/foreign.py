"""Codecs and containers that are refused by name. ffmpeg decodes all of them."""

from .tools import ffmpeg, run

ENCODED = {
    "gsm.wav": "-ar 8000 -c:a libgsm_ms",
    "g726.wav": "-ar 8000 -c:a g726 -b:a 32k",
    "g722.wav": "-c:a g722",
    "wma.wma": "-c:a wmav2",
    "speex.ogg": "-c:a libspeex",
    "transport_stream.ts": "-c:a aac",
    "flash.flv": "-c:a aac -f flv",
    "avi.avi": "-c:a mp3",
    "ac3.mkv": "-c:a ac3",
    "ac3.ac3": "-c:a ac3",
    "eac3.mp4": "-c:a eac3",
    "dts.mka": "-ar 44100 -ac 2 -c:a dca -strict -2",
    "aac_5_1.m4a": "-ac 6 -c:a aac",
    "aac_5_1.aac": "-ac 6 -c:a aac",
    "wavpack.wv": "-c:a wavpack",
    "tta.tta": "-c:a tta",
}


def make() -> None:
    for name, options in ENCODED.items():
        ffmpeg(f"-i parts/once.wav {options} foreign_{name}")
    run("sox parts/once.wav -t sph foreign_sphere.sph")
