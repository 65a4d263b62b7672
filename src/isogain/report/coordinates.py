"""A coordinate check as a picture and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isogain.inspect.coordinates import CoordinateCheck
from isogain.lab.outcome import Chart, Column, Outcome, Table
from isogain.report import write_pictures

__all__ = ["outcome", "write_picture"]


def write_picture(check: CoordinateCheck, folder: str | Path) -> Path:
    """Writes the picture as coordinate-check-figure-1.png into a folder; returns its path."""
    return write_pictures([outcome(check)], folder)[0]


def outcome(check: CoordinateCheck) -> Outcome:
    """The check as an Outcome."""
    answer = (
        "Flat: every layer moves equally far at every width, to within 20 %."
        if check.flat
        else "Not flat: how far layers move depends on the width."
    )
    return Outcome(
        "coordinate-check", f"Coordinate check: {check.recipe}",
        "Do a few updates move the features equally far at every width?", answer,
        (_chart(check),), (_table(check),),
        settings={"optimizer": check.optimizer, "learning rate": f"{check.lr:g}", "steps": str(check.steps)},
    )  # fmt: skip


def _chart(check: CoordinateCheck) -> Chart:
    rows = tuple(
        {"layer": layer, "width": width, "moved": moved, "step": f"step {step}"}
        for step in range(1, check.steps + 1)
        for layer in check.layers
        for width, moved in check.movement(layer, step).items()
        if moved > 0
    )
    return Chart(
        "lines", "Movement of each layer's outputs", rows, "width", "moved", "width", "rms(h_t - h_0)",
        color="layer", color_title="layer", facet_column="step", log_x=True, log_y=True,
        caption="Flat lines: features move equally far at every width.",
        alt="One line for each layer: how far its outputs move, against the width.",
    )  # fmt: skip


def _table(check: CoordinateCheck) -> Table:
    columns = (
        Column("layer", "layer", ""),
        *(Column(str(width), f"width {width}") for width in check.widths),
        Column("slope", "slope", "+.2f"),
        Column("spread", "largest / smallest", ".2f"),
    )
    return Table("Movement after the last step", columns, tuple(_line(check, one) for one in check.layers))


def _line(check: CoordinateCheck, layer: str) -> dict[str, Any]:
    moved = {str(width): value for width, value in check.movement(layer).items()}
    return {"layer": layer, **moved, "slope": check.slopes[layer], "spread": check.spread[layer]}
