"""What changed between two releases of a library: the same model's starts in both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from isogain.libraries.table import Kind, ModelStart, version_key

__all__ = ["Change", "changes", "compared"]

NUMBER = re.compile(r"\d+\.?\d*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Change:
    """A kind of parameter that starts from another law than it did."""

    model: str
    library: str
    old: str
    new: str
    kind: str
    example: str
    before: str
    """The law in the old version; empty where there was no such parameter."""
    after: str
    where: str
    """Where the new one is written (the old one, where it is gone)."""


def changes(models: Sequence[ModelStart]) -> Iterator[Change]:
    """Between neighbouring versions of each model; lines that only moved are no change."""
    for old, new in _neighbours(models):
        yield from _between(old, new)


def _neighbours(models: Sequence[ModelStart]) -> Iterator[tuple[ModelStart, ModelStart]]:
    """The same model in two versions that follow each other."""
    by_name: dict[str, list[ModelStart]] = {}
    for one in models:
        by_name.setdefault(one.model, []).append(one)
    for versions in by_name.values():
        yield from pairwise(sorted(versions, key=lambda one: version_key(one.version)))


def _between(old: ModelStart, new: ModelStart) -> Iterator[Change]:
    before, after = _laws(old), _laws(new)
    for kind in dict.fromkeys([*before, *after]):
        was, now = before.get(kind, {}), after.get(kind, {})
        if set(was) == set(now):
            continue
        one = next(iter((now or was).values()))
        gone, come = "; ".join(_told(was)), "; ".join(_told(now))
        yield Change(
            new.model, new.library, old.version, new.version, kind, one.example, gone, come, one.where
        )


def _laws(model: ModelStart) -> dict[str, dict[str, Kind]]:
    """Kind -> law -> where."""
    found: dict[str, dict[str, Kind]] = {}
    for one in model.starts:
        found.setdefault(one.kind, {})[NUMBER.sub(_rounded, one.says)] = one
    return found


def _rounded(number: re.Match[str]) -> str:
    """.1 that went through float32 is .1."""
    return f"{float(number[0]):.6g}"


def compared(models: Sequence[ModelStart]) -> dict[tuple[str, str, str], int]:
    """(library, old, new) -> how many models are held in both versions."""
    found: dict[tuple[str, str, str], int] = {}
    for old, new in _neighbours(models):
        key = (new.library, old.version, new.version)
        found[key] = found.get(key, 0) + 1
    return found


def _told(laws: dict[str, Kind]) -> list[str]:
    return sorted(laws)
