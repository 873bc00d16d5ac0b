"""What the native part knows of languages: codes and scripts."""

from __future__ import annotations

import functools

from .. import _native
from .._errors import LanguageError
from .errors import Problems


def code(name: str) -> str:
    """The code of a language by code, tag or name; raises :class:`indic_seamless.LanguageError`."""
    return _native.language_code(name)


def checked(name: str, where: object, problems: Problems) -> str | None:
    """The same; an unknown language is noted as a problem."""
    try:
        return code(name)
    except LanguageError:
        problems.add(where, f"the language {name!r}", "a language of the model; --lang chooses some of them")
        return None


@functools.cache
def scripts() -> dict[str, str]:
    """The name of the script of each language, by its code."""
    return {code: script for code, _, _, script in _native.languages()}


@functools.cache
def tags() -> dict[str, str]:
    """The BCP 47 tag of each language, by its code."""
    return {code: tag for code, _, tag, _ in _native.languages()}
