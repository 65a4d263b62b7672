"""What public functions ask of their arguments, asked in one place and refused in one form.

Every refusal names the argument, the value and what would do.  A check gives the value back as the plain
Python number, text or tuple that the rest computes with.
"""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import numpy as np

from isogain.errors import IsogainError

__all__ = ["Checks", "nearest", "shown"]

LARGEST = 2**63 - 1
"""No size, count or step is larger than the machine's own integers."""
MOST_ENTRIES = 10**6
"""Of a sequence that is read to its end: some have none."""
MOST = 160
"""Characters of a value that an error shows."""


def shown(value: object) -> str:
    """The value as an error shows it: cut short, and whatever its own __repr__ does.

    >>> shown(1.5), shown("a" * 1000)[-7:]
    ('1.5', "a... a'")
    """
    try:
        text = repr(value)
    except Exception:  # a number of too many digits, or a class of the user's own
        return f"a value of type {type(value).__name__}"
    text = " ".join(text.split()) if "\n" in text else text
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MOST else f"{text[: MOST - 6]}... {text[-2:]}"


def nearest(word: str, words: Iterable[str], count: int = 1) -> str:
    """'did you mean 'seed'?' for a misspelt word, the likest first; empty where none is like it.

    >>> nearest("sed", ("loss", "seed"))
    "did you mean 'seed'?"
    """
    near = difflib.get_close_matches(word, tuple(words), n=count, cutoff=0.6)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else ""


@dataclass(frozen=True)
class Checks:
    """The checks of one part of the library, all of which raise its kind of error."""

    error: type[IsogainError]

    def require(self, condition: bool, message: str) -> None:
        """Raise the error with this message unless the condition holds."""
        if not condition:
            raise self.error(message)

    def number(
        self, name: str, value: object, *, least: float = -math.inf, above: float = -math.inf,
        most: float = math.inf, below: float = math.inf,
    ) -> float:  # fmt: skip
        """A finite real number inside the bounds."""
        number = _real(value)
        if number is None or not (least <= number <= most and above < number < below):
            limits = ((least, "of at least"), (above, "above"), (most, "of at most"), (below, "below"))
            asked = " and ".join(f"{word} {limit:g}" for limit, word in limits if math.isfinite(limit))
            self._refuse(name, f"a finite number {asked}".rstrip(), value)
        return number

    def whole(self, name: str, value: object, *, least: int = 1, most: int = LARGEST) -> int:
        """A whole number inside the bounds; no bool."""
        number = _index(value)
        if number is None or not least <= number <= most:
            asked = f"of at least {least}" if most == LARGEST else f"from {least} to {most}"
            self._refuse(name, f"a whole number {asked}", value)
        return number

    def flag(self, name: str, value: object) -> bool:
        """True or False (0 and 1 will do)."""
        if not isinstance(value, (bool, np.bool_)) and _index(value) not in (0, 1):
            self._refuse(name, "True or False", value)
        return bool(value)

    def text(self, name: str, value: object, example: str) -> str:
        """A string."""
        if not isinstance(value, str):
            self._refuse(name, f"a string such as {example!r}", value)
        return value

    def choice(self, name: str, value: object, choices: Sequence[Any]) -> Any:
        """One of a few strings (or None, where that is among them)."""
        known = value is None or isinstance(value, str)
        if not known or value not in choices:
            self._refuse(name, f"one of {', '.join(map(repr, choices))}", value)
        return value

    def series(self, name: str, value: Any, of: str) -> tuple[Any, ...]:
        """The entries of a sequence; a string is none."""
        try:
            entries = None if isinstance(value, (str, bytes)) else tuple(islice(value, MOST_ENTRIES + 1))
        except Exception:
            entries = None
        if entries is None or len(entries) > MOST_ENTRIES:
            self._refuse(name, f"a sequence of {of}", value)
        return entries

    def _refuse(self, name: str, asked: str, value: object) -> NoReturn:
        raise self.error(f"{name} must be {asked}, got {shown(value)}")


def _real(value: object) -> float | None:
    """The finite number a value is, as Python's own; None for any other."""
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    try:
        number = value if isinstance(value, (int, float)) else float(value)
        return number if math.isfinite(number) else None
    except OverflowError:
        return None


def _index(value: Any) -> int | None:
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except Exception:
        return None
