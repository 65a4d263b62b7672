"""A Plan as a table: layers that repeat share a line."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field

from isogain.core.geometry.fans import Fans
from isogain.graph.plan import Entry, Plan
from isogain.graph.roles import family

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


def lines(plan: Plan) -> list[Line]:
    """The entries, those of one family, role, shape and law together."""
    found: dict[tuple[object, ...], Line] = {}
    for entry in plan.values():
        key = (family(entry.path), entry.shape, entry.role, entry.initializer, entry.reason)
        found.setdefault(key, Line()).entries.append(entry)
    return list(found.values())


def as_text(plan: Plan) -> str:
    """The plan as a table for the terminal."""
    drawn, kept = len(plan.drawn), len(plan.kept)
    out = [f"plan of {plan.model}: {drawn} parameters drawn, {kept} kept; hash {plan.hash}", ""]
    for line in lines(plan):
        first = line.entries[0]
        count = f" x {len(line.entries)}" if len(line.entries) > 1 else ""
        fans = " | ".join(f"fan {one.fan_in:g} -> {one.fan_out:g}" for one in _different(first))
        gain = f"gain {first.gain:.3g}" if math.isfinite(first.gain) else ""
        facts = ", ".join(part for part in (first.role, fans, gain) if part)
        shape = "x".join(map(str, first.shape)) or "scalar"
        out += [f"{line.path}{count}  [{shape}]  {facts}", f"    {line.law}", f"    {first.reason}"]
    out += [""] if plan.notes or plan.needed else []
    out += [f"needed: {text}" for text in plan.needed]
    return "\n".join([*out, *(f"note: {text}" for text in plan.notes)])


def _different(entry: Entry) -> list[Fans]:
    """The fans of the maps in a weight, each once."""
    return list(dict.fromkeys(entry.fans_of_parts))


def as_html(plan: Plan) -> str:
    """The plan as a table for a notebook, every name escaped."""
    head = "".join(f"<th>{name}</th>" for name in ("parameter", "shape", "role", "initializer", "why"))
    rows = []
    for line in lines(plan):
        first = line.entries[0]
        count = f" × {len(line.entries)}" if len(line.entries) > 1 else ""
        cells = (line.path + count, "×".join(map(str, first.shape)), first.role, line.law, first.reason)
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    title = html.escape(f"plan of {plan.model}, {plan.hash}")
    return f"<table><caption>{title}</caption><tr>{head}</tr>{''.join(rows)}</table>"
