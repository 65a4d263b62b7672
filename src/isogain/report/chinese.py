"""Words and sentences of figures, pages and findings in Chinese (simplified), by the English ones.

They are pairs in `chinese.txt`.  A sentence is the one that its rule writes, with places for what is filled in;
so what is said in Chinese has the numbers that were said in English, also of a report read from a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["Pair", "chinese", "pairs"]

PLACE = re.compile(r"\{(\w)\}")


class Pair(NamedTuple):
    """An English sentence and the Chinese one, with the same places, as `chinese.txt` explains them."""

    english: str
    chinese: str


@cache
def pairs() -> tuple[Pair, ...]:
    """All of them, those with most words of their own first."""
    text = files("isogain.report").joinpath("chinese.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = map(Pair, lines[::2], lines[1::2])
    return tuple(sorted(found, key=lambda pair: -len(PLACE.sub("", pair.english))))


@lru_cache(4096)
def chinese(text: str) -> str:
    """The text in Chinese; as it is where nothing is known of it."""
    word = _words().get(text)
    return word if word is not None else next(_fitting(text), text)


@cache
def _words() -> Mapping[str, str]:
    return {pair.english: pair.chinese for pair in pairs() if not PLACE.search(pair.english)}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Pair], ...]:
    return tuple((_pattern(pair.english), pair) for pair in pairs() if PLACE.search(pair.english))


def _pattern(english: str) -> re.Pattern[str]:
    """What the sentence looks like, filled in; a place that comes again holds the same."""
    parts, seen = PLACE.split(english), set[str]()
    for number in range(1, len(parts), 2):
        name = parts[number]
        parts[number] = f"(?P=_{name})" if name in seen else f"(?P<_{name}>{_held(name)})"
        seen.add(name)
    parts[::2] = map(re.escape, parts[::2])
    return re.compile("".join(parts), re.DOTALL)


def _held(name: str) -> str:
    """What a place may hold: a number or a word, words without a joint, anything."""
    return r"\S+?" if name.isdigit() else ".+?" if name.isupper() else "(?:(?![:;] ).)+?"


def _fitting(text: str) -> Iterator[str]:
    for pattern, pair in _patterns():
        found = pattern.fullmatch(text)
        if found is None:
            continue
        said = {name[1:]: chinese(part) for name, part in found.groupdict().items()}
        if _says_something(pair) or any(said[name[1:]] != part for name, part in found.groupdict().items()):
            yield _spaced(PLACE.sub(lambda place, said=said: said[place[1]], pair.chinese))  # type: ignore[misc]


def _spaced(text: str) -> str:
    """With a space between Chinese characters and a word or number of another script."""
    return re.sub("(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])", " ", text)


def _says_something(pair: Pair) -> bool:
    """Whether it has words of its own, and does not only join others."""
    return re.search(r"\b(?!and\b)[^\W\d_]{3}|\bby\b", PLACE.sub("", pair.english)) is not None
