"""A Plan as a table: layers that repeat share a line."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from isogain.core.geometry.fans import Fans
from isogain.graph.entry import Entry
from isogain.graph.paths import family

__all__ = ["as_html", "as_text"]


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


def as_text(title: str, entries: Iterable[Entry], remarks: Sequence[str]) -> str:
    """Entries as a table for the terminal, between a title and remarks."""
    out = [title, ""]
    for line in lines(entries):
        first = line.entries[0]
        count = f" x {len(line.entries)}" if len(line.entries) > 1 else ""
        fans = " | ".join(f"fan {one.fan_in:g} -> {one.fan_out:g}" for one in _different(first))
        gain = f"gain {first.gain:.3g}" if math.isfinite(first.gain) else ""
        facts = ", ".join(part for part in (first.role, fans, gain) if part)
        shape = "x".join(map(str, first.shape)) or "scalar"
        out += [f"{line.path}{count}  [{shape}]  {facts}", f"    {line.law}", f"    {first.reason}"]
    return "\n".join([*out, *([""] if remarks else []), *remarks])


def _different(entry: Entry) -> list[Fans]:
    """The fans of the maps in a weight, each once."""
    return list(dict.fromkeys(entry.fans_of_parts))


def as_html(title: str, entries: Iterable[Entry]) -> str:
    """Entries as a table for a notebook, every name escaped."""
    head = "".join(f"<th>{name}</th>" for name in ("parameter", "shape", "role", "initializer", "why"))
    rows = []
    for line in lines(entries):
        first = line.entries[0]
        count = f" × {len(line.entries)}" if len(line.entries) > 1 else ""
        cells = (line.path + count, "×".join(map(str, first.shape)), first.role, line.law, first.reason)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table><caption>{html.escape(title)}</caption><tr>{head}</tr>{''.join(rows)}</table>"
