"""Plans and receipts as Outcomes: what every parameter starts from, and what that did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isogain.graph.plan import Plan
from isogain.graph.plan_text import Line, lines
from isogain.graph.receipt import Receipt
from isogain.lab.outcome import Chart, Column, Outcome, Table

__all__ = ["plan_outcome", "receipt_outcome"]

SIDES = (("signals", "before", "after"), ("gradients", "gradient_before", "gradient_after"))


def plan_outcome(plan: Plan) -> Outcome:
    """The entries, those that start alike in one row."""
    heads = {"parameter": "parameter", "shape": "shape", "role": "role", "law": "initializer", "why": "why"}
    columns = tuple(Column(key, label, "") for key, label in heads.items())
    remarks = (*plan.needed, *plan.notes, *(f"Learning rate of {one}." for one in plan.rates))
    answer = f"{len(plan.drawn)} parameters drawn, {len(plan.kept)} kept; hash {plan.hash}."
    return Outcome(
        "plan", f"Plan of {plan.model}", "What does every parameter start from, and why?", answer, (),
        (Table("", columns, tuple(_line(one) for one in lines(plan.values()))),), notes=remarks,
    )  # fmt: skip


def _line(line: Line) -> dict[str, Any]:
    first = line.entries[0]
    count = f" × {len(line.entries)}" if len(line.entries) > 1 else ""
    shape = "×".join(map(str, first.shape)) or "one number"
    return {
        "parameter": line.path + count, "shape": shape, "role": first.role, "law": line.law,
        "why": first.reason,
    }  # fmt: skip


def receipt_outcome(receipt: Receipt) -> Outcome:
    """Sizes along the network before and after as a picture, spreads as a table."""
    rows = tuple(_rows(receipt))
    measured = tuple(
        {"what": what.strip(), "before": before, "after": after}
        for what, before, after in receipt.before_and_after()
    )
    columns = (Column("what", "", ""), Column("before", "before", ""), Column("after", "after", ""))
    note = "A decade is a factor of 10." if any("decade" in str(row) for row in measured) else ""
    return Outcome(
        "receipt", receipt.title(), "What did the start do?", f"{receipt.headline}.",
        (_chart(rows),) if rows else (), (Table("", columns, measured, note),) if measured else (),
        notes=tuple(receipt.remarks()),
    )  # fmt: skip


def _rows(receipt: Receipt) -> Iterator[dict[str, Any]]:
    for place, gain in enumerate(receipt.gains, start=1):
        for what, before, after in SIDES:
            for name, key in (("before", before), ("after", after)):
                value = getattr(gain, key)
                if value > 0:
                    yield {"layer": place, "size": value, "when": name, "what": what}


def _chart(rows: tuple[dict[str, Any], ...]) -> Chart:
    return Chart(
        "lines", "Signals and gradients before and after", rows, "layer", "size", "layers with weights",
        "root mean square", color="when", color_title="", facet_column="what", log_y=True,
        order=("before", "after"), alt="Sizes of signals and gradients along the layers, before and after.",
    )  # fmt: skip
