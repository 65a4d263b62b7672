"""How loud inputs may be to a plain tanh cell, so that the first step is still felt at the last.

h_t = tanh(V h_{t-1} + W x_t) with V orthogonal and inputs that add s^2 to the mean square q of the state at
every step: E[tanh(z)^2] = q - 2 q^2 + ... makes q' = s^2 - 2 q^2, and E[tanh'(z)^2] = 1 - 2 q + ... shrinks
gradients by 1 - q a step.  So over T steps

    q_t = (s / sqrt 2) tanh(sqrt 2 s t),        |dh_T / dh_0| = cosh(sqrt 2 s T)^(-1/2).

What is read at full size (s = T^(-1/2): the sum of T inputs is of size 1) is forgotten: sqrt(T/2) e-folds.
What the first input does to the last state, s cosh(sqrt 2 s T)^(-1/2), is largest at u tanh u = 2 with
u = sqrt 2 s T, whatever T: half of the gradient arrives, and the state ends at a size of T^(-1/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PlainCell"]

LOUDNESS = 2.0653381389747048
"""The root of u tanh u = 2."""


@dataclass(frozen=True)
class PlainCell:
    """A tanh cell with an orthogonal recurrence that runs for so many steps.

    >>> cell = PlainCell(100)
    >>> round(cell.scale * 100**2, 3), round(cell.state * 100, 3), round(cell.kept, 3)
    (2.133, 0.694, 0.5)
    """

    steps: int

    @property
    def scale(self) -> float:
        """s^2 = fan_in Var[W] for inputs of second moment 1; no more than 1."""
        return min(1.0, LOUDNESS**2 / (2 * self.steps**2))

    @property
    def state(self) -> float:
        """The mean square of the state, over units and steps."""
        return math.log(math.cosh(LOUDNESS)) / (2 * self.steps)

    @property
    def above(self) -> float:
        """fan_in Var[W] for a cell that reads the states of one like this."""
        return min(1.0, self.scale / self.state)

    @property
    def kept(self) -> float:
        """The gradient of the last state with respect to the first, by size."""
        return 1 / math.sqrt(math.cosh(LOUDNESS))
