"""One rule for each code: a function from a Table to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isogain.inspect.findings import Finding
from isogain.inspect.rules.losses import initial_loss
from isogain.inspect.rules.propagation import (
    exploding_backward,
    exploding_forward,
    vanishing_backward,
    vanishing_forward,
)
from isogain.inspect.rules.representation import constant_output, rank_collapse
from isogain.inspect.rules.symmetry import identical_layers, symmetric_units
from isogain.inspect.rules.units import dead_units, saturated_units
from isogain.inspect.rules.usage import unused_parameter
from isogain.inspect.rules.values import dtype_headroom, non_finite, uninitialized
from isogain.inspect.table import Table

__all__ = ["RULES"]

RULES: dict[str, Callable[[Table], Iterator[Finding]]] = {
    "non-finite": non_finite,
    "uninitialized": uninitialized,
    "symmetric-units": symmetric_units,
    "exploding-forward": exploding_forward,
    "vanishing-forward": vanishing_forward,
    "exploding-backward": exploding_backward,
    "vanishing-backward": vanishing_backward,
    "saturated-units": saturated_units,
    "dead-units": dead_units,
    "rank-collapse": rank_collapse,
    "constant-output": constant_output,
    "initial-loss": initial_loss,
    "identical-layers": identical_layers,
    "unused-parameter": unused_parameter,
    "dtype-headroom": dtype_headroom,
}
