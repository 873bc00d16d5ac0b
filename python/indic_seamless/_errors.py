"""The exceptions, with the fields of the error as attributes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ._types import Transcript


class Error(Exception):
    """Anything that went wrong.

    The attributes say what: ``source`` or ``path`` name the recording or file, ``found`` and ``wanted`` what was there and what
    should be. ``partial`` is what was transcribed before, or ``None``.
    """

    partial: Transcript | None = None

    if TYPE_CHECKING:
        # The others depend on the error.
        def __getattr__(self, name: str) -> Any: ...


class FileError(Error, OSError):
    """A file cannot be read or written."""


class AudioError(Error):
    """A recording cannot be transcribed."""


class UnsupportedAudioError(AudioError):
    """A codec or container that is not supported."""


class DamagedAudioError(AudioError):
    """A recording of which nothing can be decoded, or that is damaged where ``damage="refuse"``."""


class NoAudioError(AudioError):
    """A file without sound."""


class AudioTooShortError(AudioError):
    """Less than 35 ms."""


class AudioTooLongError(AudioError):
    """Longer than a limit."""


class InvalidSampleError(AudioError, ValueError):
    """NaN or an infinity in a recording."""


class OptionError(Error, ValueError):
    """An option that cannot be used."""


class LanguageError(OptionError):
    """A language that the model does not know; ``similar`` has the codes of similar ones."""


class CheckpointError(Error):
    """A file of the model is missing, damaged or does not fit the others."""


class HubError(Error):
    """The model cannot be downloaded; ``kind`` says why."""


class DeviceError(Error):
    """The GPU failed, or there is none; ``kind`` says which."""


class StoppedError(Error):
    """The work was cancelled, or its time was over; ``reason`` says which, ``partial`` has the finished segments."""


class BusyError(Error):
    """Too many recordings wait."""


def _make(name: str, message: str, fields: str, partial: str | None) -> Error:
    error: Error = globals()[name](message)
    for field, value in json.loads(fields).items():
        setattr(error, field, value)
    if partial is not None:
        error.partial = Transcript.from_dict(json.loads(partial))
    return error
