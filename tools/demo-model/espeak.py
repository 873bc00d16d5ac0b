"""Speech from libespeak-ng, with the time at which each word and each phoneme begins and ends."""

import ctypes
from dataclasses import dataclass

import numpy as np

VERSION = "1.51"

_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_WORD, _EVENT_END, _EVENT_TERMINATED, _EVENT_PHONEME = 1, 5, 6, 7


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass
class Mark:
    """A word, by the index of its first character in the text, or a phoneme, by its name; and its seconds."""

    name: int | str
    start: float
    end: float


class Espeak:
    """The synthesiser. It is one per process, as the library has global state."""

    def __init__(self):
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self._lib.espeak_Info.restype = ctypes.c_char_p
        found = self._lib.espeak_Info(None).decode().split()[0]
        if not found.startswith(VERSION):
            raise SystemExit(f"espeak-ng {VERSION} is wanted, {found} was found: another version speaks differently")
        self.sampling_rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        if self.sampling_rate <= 0:
            raise SystemExit("espeak-ng did not start: are its voices (package espeak-ng-data) installed?")
        self._audio, self._events = [], []
        self._callback = _CALLBACK(self._receive)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count, events):
        if samples and count:
            self._audio.append(np.ctypeslib.as_array(samples, (count,)).copy())
        while events and events[0].type != 0:
            event = events[0]
            name = event.id.decode() if event.type == _EVENT_PHONEME else event.text_position - 1
            self._events.append((event.type, name, event.audio_position / 1000))
            events = ctypes.cast(ctypes.addressof(event) + ctypes.sizeof(_Event), ctypes.POINTER(_Event))
        return 0

    def speak(self, voice, text, rate=175, pitch=50, pitch_range=50):
        """(samples in [-1, 1] at `sampling_rate`, words, phonemes). `voice` may name a variant: "hi+f3"."""
        self._audio, self._events = [], []
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        if self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None) != 0:
            raise RuntimeError(f"espeak-ng refused {text!r}")
        samples = np.concatenate(self._audio).astype(np.float32) / 32768
        ends = [seconds for kind, _, seconds in self._events if kind in (_EVENT_END, _EVENT_TERMINATED)]
        return samples, self._marks(_EVENT_WORD, ends, samples), self._marks(_EVENT_PHONEME, ends, samples)

    def _marks(self, wanted, ends, samples):
        """The events of a kind; each lasts until the next one, or the end of the clause."""
        found = [(name, seconds) for kind, name, seconds in self._events if kind == wanted]
        stops = sorted({seconds for _, seconds in found} | set(ends))
        length = len(samples) / self.sampling_rate
        return [Mark(name, s, next((t for t in stops if t > s), length)) for name, s in found]
