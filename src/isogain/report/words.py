"""The words of figures, pages and findings, in English and Chinese: one table, asked by the English ones.

The language is what `speak` says, else ISOGAIN_LANG, else English.  What the table does not have stays
English: names of experiments, laws and layers are the same in every language.
"""

from __future__ import annotations

import os
from contextvars import ContextVar

from isogain.errors import ReportError
from isogain.report.chinese import chinese

__all__ = ["HTML", "LANGUAGES", "language", "say", "speak", "tag"]

LANGUAGES = ("en", "zh")
HTML = {"en": "en", "zh": "zh-Hans"}
"""What a page says of its language in `lang`."""
_SPOKEN: ContextVar[str] = ContextVar("spoken", default="")


def speak(code: str) -> None:
    """Words in this language from now on, "en" or "zh"; "" goes back to ISOGAIN_LANG.

    Raises ReportError for another.
    """
    _SPOKEN.set(_known(code, "the language") if code else "")


def language() -> str:
    """The language of figures and pages: "en" or "zh"; ReportError where ISOGAIN_LANG says another."""
    return _SPOKEN.get() or _known(os.environ.get("ISOGAIN_LANG") or "en", "ISOGAIN_LANG")


def say(text: str) -> str:
    """The text in the language spoken; as it is where the table does not have it."""
    return chinese(text) if language() == "zh" else text


def tag() -> str:
    """What a page says of its language in `lang`."""
    return HTML[language()]


def _known(code: str, name: str) -> str:
    short = code.lower().replace("_", "-").partition("-")[0]
    if short not in LANGUAGES:
        raise ReportError(f"{name} is {code!r}, and there are words for {' and '.join(LANGUAGES)} only")
    return short
