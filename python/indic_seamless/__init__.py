"""Speech in Indian languages to text: ai4bharat/indic-seamless, without PyTorch.

>>> from indic_seamless import Transcriber
>>> transcriber = Transcriber.demo()
>>> transcriber.transcribe("hindi.wav", language="Hindi").text  # doctest: +SKIP
'कृपया आज का मौसम'
"""

from ._errors import (
    AudioError,
    AudioTooLongError,
    AudioTooShortError,
    BusyError,
    CheckpointError,
    DamagedAudioError,
    DeviceError,
    Error,
    FileError,
    HubError,
    InvalidSampleError,
    LanguageError,
    NoAudioError,
    OptionError,
    StoppedError,
    UnsupportedAudioError,
)
from ._native import __version__, language_code, languages
from ._pipeline import Pipeline, pipeline
from ._transcriber import Options, RecordingOptions, Stream, StreamOptions, Transcriber
from ._types import Alternative, Segment, Timings, Transcript, Word

__all__ = [
    "Alternative",
    "AudioError",
    "AudioTooLongError",
    "AudioTooShortError",
    "BusyError",
    "CheckpointError",
    "DamagedAudioError",
    "DeviceError",
    "Error",
    "FileError",
    "HubError",
    "InvalidSampleError",
    "LanguageError",
    "NoAudioError",
    "Options",
    "OptionError",
    "Pipeline",
    "RecordingOptions",
    "Segment",
    "StoppedError",
    "Stream",
    "StreamOptions",
    "Timings",
    "Transcriber",
    "Transcript",
    "UnsupportedAudioError",
    "Word",
    "__version__",
    "language_code",
    "languages",
    "pipeline",
]
