"""Sounds of telephones and machines, without speech, for a minute and for 12 seconds."""

from .tools import ffmpeg

# The keys 1 2 3 0 ... one after the other.
KEYS = ((697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477), (852, 1209), (770, 1477), (941, 1209))


def sine(hertz: int) -> str:
    return f"sin(2*PI*{hertz}*t)"


def pressed(number: int, key: tuple[int, int]) -> str:
    return f"({sine(key[0])}+{sine(key[1])})*between(mod(t,1.6),{number * 0.2:.1f},{number * 0.2 + 0.1:.1f})"


SOUNDS = {
    "keys": "+".join(pressed(number, key) for number, key in enumerate(KEYS)),
    "ringing_us": f"({sine(440)}+{sine(480)})*lt(mod(t,6),2)",
    "ringing_in": f"{sine(400)}*(1+{sine(25)})/2*(lt(mod(t,3),0.4)+between(mod(t,3),0.6,1.0))",
    "busy": f"({sine(480)}+{sine(620)})*lt(mod(t,1),0.5)",
    "dial": f"{sine(350)}+{sine(440)}",
    "fax": f"{sine(1100)}*lt(mod(t,3.5),0.5)+{sine(2100)}*between(mod(t,3.5),1,3)",
    "beep": f"{sine(1000)}*lt(mod(t,15),0.4)",
    "siren": "sin(2*PI*(800*t-180*cos(PI*t)))",
    "hum": f"{sine(50)}+0.5*{sine(100)}+0.3*{sine(150)}+0.2*{sine(250)}",
}


def make() -> None:
    for name, sound in SOUNDS.items():
        for seconds in (12, 60):
            ffmpeg(f"-f lavfi -i \"aevalsrc='0.2*({sound})':s=8000:d={seconds}\" tone_{name}_{seconds}.wav")
