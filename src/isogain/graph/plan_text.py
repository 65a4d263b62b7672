"""A Plan as a table: layers that repeat share a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from isogain.core.geometry.fans import Fans
from isogain.graph.entry import Entry
from isogain.graph.paths import family
from isogain.rendering import MOST_LINES, shortened

__all__ = ["Line", "as_text", "lines"]


@dataclass
class Line:
    """Entries of one family that start alike."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def path(self) -> str:
        first = self.entries[0].path
        return first if len(self.entries) == 1 else family(first)

    @property
    def law(self) -> str:
        return str(self.entries[0].initializer) if self.entries[0].initializer else "kept"


def lines(entries: Iterable[Entry]) -> list[Line]:
    """The entries, those of one family, role, shape and law together."""
    found: dict[tuple[object, ...], Line] = {}
    for entry in entries:
        key = (family(entry.path), entry.shape, entry.role, entry.initializer, entry.reason)
        found.setdefault(key, Line()).entries.append(entry)
    return list(found.values())


def as_text(title: str, entries: Iterable[Entry], remarks: Sequence[str], full: bool = False) -> str:
    """Entries as a table for the terminal, between a title and remarks; short unless `full` is wanted."""
    found = lines(entries)
    room = MOST_LINES - 3 - min(len(remarks), 12)
    whole = len(found) if full else max((room - len(found)) // 2, 4)
    out = [text for line in found[:whole] for text in _in_full(line)]
    out += [f"{_head(line)}  {line.law}" for line in found[whole:]]
    if not full:
        out = shortened(out, room, "print(plan.table(full=True)) and plan.to_frame() have them all")
        remarks = shortened(remarks, 12, "plan.notes has them all")
    return "\n".join([title, "", *out, *([""] if remarks else []), *remarks])


def _head(line: Line) -> str:
    count = f" x {len(line.entries)}" if len(line.entries) > 1 else ""
    shape = "x".join(map(str, line.entries[0].shape)) or "scalar"
    return f"{line.path}{count}  [{shape}]"


def _in_full(line: Line) -> tuple[str, ...]:
    first = line.entries[0]
    fans = " | ".join(f"fan {one.fan_in:g} -> {one.fan_out:g}" for one in _different(first))
    gain = f"gain {first.gain:.3g}" if math.isfinite(first.gain) else ""
    facts = ", ".join(part for part in (first.role, fans, gain) if part)
    return f"{_head(line)}  {facts}", f"    {line.law}", f"    {first.reason}"


def _different(entry: Entry) -> list[Fans]:
    """The fans of the maps in a weight, each once."""
    return list(dict.fromkeys(entry.fans_of_parts))
