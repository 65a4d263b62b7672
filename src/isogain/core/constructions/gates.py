"""Biases that set time scales: the gates of recurrent cells, the steps of state space models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.core.constructions.structured import uniforms
from isogain.core.geometry.layout import Geometry
from isogain.core.values.distributions import Law, Normals, StructuredLaw, require, require_finite
from isogain.core.values.initializer import Initializer, refuse_complex, require_choice
from isogain.errors import InitializerError

__all__ = ["ChronoBias", "StepBias"]

Array = NDArray[Any]
KEEP, FORGET = "fz", "i"


@final
@dataclass(frozen=True, repr=False)
class ChronoBias(Initializer):
    """Gate biases for memories of 2 to `horizon` steps: b_f = ln U(1, horizon - 1), b_i = -b_f.

    With `spread` 'log', b_f = U(0, ln(horizon - 1)): as many units for every octave of memories, as the time
    steps of state space models have them.  `gates` names the equal stretches of the first axis, one letter
    each: f and z keep the state (+b), i lets new input in (-b, with the same draw), any other is 0.  "ifgo"
    is the LSTM of torch and Keras, "rzn" torch's GRU.  Where a layer has two biases that are added, give the
    second zeros.  Tallec & Ollivier 2018, arXiv 1804.11188, section 3.
    """

    horizon: float = 100.0
    gates: str = "ifgo"
    spread: str = "uniform"

    def __post_init__(self) -> None:
        require_finite(self, horizon=self.horizon)
        require(self.horizon > 2, f"ChronoBias: horizon is above 2 steps, got {self.horizon!r}")
        known = isinstance(self.gates, str) and any(letter in self.gates for letter in KEEP + FORGET)
        require(known, f"ChronoBias: gates needs an f, z or i among its letters, got {shown(self.gates)}")
        require_choice(self, "spread", ("uniform", "log"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        count, length = len(self.gates), geometry.shape[0] if geometry.shape else 0
        if not geometry.shape or length % count:
            raise InitializerError(
                f"ChronoBias(gates={self.gates!r}): the first axis of the shape {geometry.shape} does not "
                f"divide into {count} gates"
            )
        units = math.prod(geometry.shape) // count
        signs = [1 if letter in KEEP else -1 if letter in FORGET else 0 for letter in self.gates]

        def build(normals: Normals) -> Array:
            drawn = self._of(uniforms(normals(0, units)))
            return np.concatenate([sign * drawn for sign in signs]).reshape(geometry.shape)

        top, share = self.horizon - 1, sum(map(abs, signs)) / count
        square = _log_square(top) if self.spread == "uniform" else math.log(top) ** 2 / 3
        return StructuredLaw("chrono_bias", build, math.sqrt(share * square), units)

    def _of(self, share: Array) -> Array:
        """ln(t - 1) at a quantile of the memories t."""
        if self.spread == "log":
            return np.asarray(math.log(self.horizon - 1) * share)
        return np.asarray(np.log1p((self.horizon - 2) * share))


def _log_square(top: float) -> float:
    """E[ln^2 U(1, top)]."""
    log = math.log(top)
    return (top * (log**2 - 2 * log + 2) - 2) / (top - 1)


@final
@dataclass(frozen=True, repr=False)
class StepBias(Initializer):
    """Log-uniform time steps, dt = max(exp U(ln low, ln high), floor), as the parameter that gives them.

    `form` 'softplus' is Mamba's bias, dt + ln(1 - e^-dt), since softplus of it is dt; 'log' is S4's log dt;
    'value' is dt itself.  Gu & Dao 2023, arXiv 2312.00752, section 3.6; Gu et al. 2022, arXiv 2206.11893.
    """

    low: float = 0.001
    high: float = 0.1
    floor: float = 1e-4
    form: str = "softplus"
    quiet: ClassVar[tuple[str, ...]] = ("floor",)

    def __post_init__(self) -> None:
        require_finite(self, low=self.low, high=self.high, floor=self.floor)
        require(
            0 < self.low < self.high, f"StepBias: needs 0 < low < high, got {self.low!r} and {self.high!r}"
        )
        require(self.floor >= 0, f"StepBias: floor must be at least 0, got {self.floor!r}")
        require_choice(self, "form", ("softplus", "log", "value"))

    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        refuse_complex(self, is_complex)
        count = math.prod(geometry.shape)

        def build(normals: Normals) -> Array:
            return self._of(uniforms(normals(0, count))).reshape(geometry.shape)

        nodes, weights = np.polynomial.legendre.leggauss(200)
        mean_square = float(weights @ np.square(self._of((nodes + 1) / 2))) / 2
        return StructuredLaw("step_bias", build, math.sqrt(mean_square), count)

    def _of(self, share: Array) -> Array:
        """The parameter at a quantile of the log-uniform law."""
        span = math.log(self.high / self.low)
        steps = np.maximum(self.low * np.exp(span * share), self.floor)
        if self.form == "value":
            return np.asarray(steps)
        return np.asarray(np.log(steps) if self.form == "log" else steps + np.log(-np.expm1(-steps)))
