"""Bands of networks with normalization, dropout, residual branches or convolutions.

To first order in 1 / n: what a layer adds to ln q given the measured variance before it.  With trunk q,
branch variance v, branch scale a and q' = q + a^2 v over n units, the relative variance of q' is
(4 a^2 q v + a^4 v^2 w) / (n q'^2), w = 2 + kappa - 2 S^2: the product of trunk and branch, the branch's own
units, and the average over activations of a known length.  Without a trunk q = 0 and a = 1.  Gradients alike,
with chi for v.  Positions of a convolution count as units as far as they differ.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from isogain.core.activations import Activation
from isogain.core.activations.quadrature import Floats, expectations
from isogain.theory.blocks import Curves, Structure
from isogain.theory.finite_width import SEED, Paths, layer_table, log_averages, strata
from isogain.theory.maps import MeanField

__all__ = ["BlockEnsemble"]

MEMBERS = 2048


class BlockEnsemble:
    """Many networks of one structure: each one's measured ln q forward, and ln g on the way back."""

    def __init__(
        self, phi: Activation, weight: float, bias: float, structure: Structure, widths: tuple[int, ...],
        orthogonal: bool,
    ) -> None:  # fmt: skip
        self.phi, self.weight, self.bias = phi, weight / (1 - structure.dropout), bias
        self.structure, self.widths, self.orthogonal = structure, widths, orthogonal
        self.trunk = structure.residual is not None
        self.scale = 1.0 if structure.residual is None else structure.residual
        self.generator = np.random.Generator(np.random.Philox(SEED))
        self.strata = strata(MEMBERS)
        self.lean = self.normals()
        """How far each member's activations are from their expectation, in standard deviations."""

    def run(self, curves: Curves, input_variance: float) -> Paths:
        """Forward through all layers, then back."""
        log_q = np.full(MEMBERS, math.log(input_variance))
        forward, factors = [], []
        for index in range(len(curves.signals)):
            if index == 0 and not self.trunk:
                log_q = self._first(curves, input_variance)
                factor = log_q
            else:
                log_q, factor = self._layer(curves, index, log_q)
            forward.append(log_q)
            factors.append(factor)
        back = [np.zeros(MEMBERS)]
        for index in range(len(factors) - 1, 0, -1):
            exact = math.log(curves.gradients[index - 1] / curves.gradients[index])
            ratio = math.log(self.widths[index + 1] / self.widths[index])
            back.append(back[-1] + exact + ratio + factors[index])
        return Paths(np.array(forward), np.array(back[::-1]))

    def _first(self, curves: Curves, input_variance: float) -> Floats:
        """The weights alone, on a given input: only the units measured make a difference."""
        q = curves.signals[0].variance
        share = 1 - self.bias / q
        kept = share**2 * min(1.0, self.widths[1] / self.widths[0]) if self.orthogonal else 0.0
        return math.log(q) + self._average(2 * (1 - kept) * self._alike(curves, 0, 2) / self.widths[1])

    def _layer(self, curves: Curves, index: int, log_q: Floats) -> tuple[Floats, Floats]:
        """ln q after the layer, and by how much ln of the gradient's factor strays from the curve's."""
        width, following = self.widths[index], self.widths[index + 1]
        table = layer_table(MeanField(self.phi, self.weight * curves.inside[index], self.bias))
        norm = self.structure.normalization
        place = np.zeros_like(log_q) if norm in ("layer", "rms") else log_q
        if norm == "batch":  # a sample keeps its own length, relative to the batch
            place = log_q - math.log(float(np.exp(log_q).mean()))
        row = table.at(place)
        units, act, back, shared = self._noises(row, curves, index, width / following)
        a, v, chi, q = self.scale, np.exp(row[0]), np.exp(row[1]), np.exp(log_q) * self.trunk
        start = curves.signals[index - 1].variance if index else float(np.exp(log_q.mean()))
        mean_chi = float(np.exp(table.at(np.zeros(1) if norm else np.array([math.log(start)]))[1, 0]))
        if norm in ("layer", "rms"):  # they divide gradients by the very variance that strays
            chi, mean_chi = chi * np.exp(-log_q), mean_chi / start
        if norm == "batch":
            chi, mean_chi = chi / start, mean_chi / start
        after, factor = q + a**2 * v, self.trunk + a**2 * chi
        crossed = 4 * a**2 * q * v * self._alike(curves, index, 2)
        fresh = (crossed + a**4 * v**2 * units) / (following * after**2)
        crossed = 4 * a**2 * chi * self.trunk * self._alike(None, 0, 1)
        hither = (crossed + a**4 * chi**2 * back) / (width * factor**2)
        # what units lean towards stays with them along a trunk
        old = math.sqrt(start / curves.signals[index].variance) if self.trunk else 0.0
        self.lean = min(old, 1.0) * self.lean + math.sqrt(max(1 - old**2, 0.0)) * self.normals()
        kept = a**4 * v**2 * act / (following * after**2)
        log_next = np.log(after) + self._average(fresh) + self._average(kept, self.lean)
        moved = self._average(hither, shared * self.lean + np.sqrt(1 - shared**2) * self.normals())
        moved = moved + np.log(factor / (self.trunk + a**2 * mean_chi))
        if norm in ("layer", "rms") and not self.trunk:
            forth, through = _removed(self.phi, norm == "layer")
            moved = moved + np.log1p(-np.minimum((row[2] * forth + through) / width, 0.9))
        return log_next, moved

    def _noises(
        self, row: Floats, curves: Curves, index: int, ratio: float
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Widths times relative variances: a branch's units, its activations, its factor on the gradient.

        The last is the correlation of the second and the third.
        """
        _, _, signal, slope, kappa, back, joint, tilt, *_ = row
        keep, norm = 1 - self.structure.dropout, self.structure.normalization
        leans = _leanings(self.phi) if norm == "layer" else (0.0, 0.0)
        kappa, steep = (kappa + 1) / keep - 1, (back + 1) / (3 * keep) - 1
        alike, slopes = (self._alike(curves if index else None, index - 1, power) for power in (2, 1))
        kept = signal**2 * min(1.0, 1 / ratio) if self.orthogonal else 0.0
        units = 2 * (1 - kept) * self._alike(curves, index, 2)
        act = signal**2 * np.maximum(kappa - 2 * slope**2 - leans[0] ** 2, 0.0) * alike / ratio
        gradient = 2 * (1 + steep) * self._alike(None, 0, 1)
        if self.orthogonal:
            gradient = np.maximum(gradient - 2 * min(1.0, ratio), 0.0)
        gradient = gradient + np.maximum(steep - 2 * tilt**2 - leans[1] ** 2, 0.0) * slopes
        together = signal * (joint - 2 * slope * tilt - leans[0] * leans[1]) * alike / math.sqrt(ratio)
        shared = together / np.sqrt(np.maximum(act * gradient, 1e-12))
        return units + np.zeros_like(act), act, gradient, np.clip(shared, -1.0, 1.0)

    def _alike(self, curves: Curves | None, index: int, power: int) -> float:
        """What is left of a variance by averaging over positions of the layer's correlation."""
        correlation = 0.0 if curves is None else abs(curves.signals[index].correlation)
        places = self.structure.positions
        return float((1 + (places - 1) * correlation**power) / places)

    def normals(self) -> Floats:
        """Standard normal numbers, one from each of as many equally likely intervals."""
        return self.generator.permutation(self.strata)

    def _average(self, noise: Floats | float, normals: Floats | None = None) -> Floats:
        mean, variance = log_averages(np.asarray(noise) + np.zeros(MEMBERS))
        return np.asarray(mean + np.sqrt(variance) * (self.normals() if normals is None else normals))


@lru_cache(maxsize=64)
def _leanings(phi: Activation) -> tuple[float, float]:
    """E[z phi^2] / E[phi^2] and E[z phi'^2] / E[phi'^2] at variance 1: what a known mean explains."""

    def integrand(z: Floats) -> Floats:
        power, steep = np.square(phi.function(z)), np.square(phi.slope(z))
        return np.stack([power, z * power, steep, z * steep])

    (power, along, steep, tilted), _ = expectations(integrand, phi.kinks)
    return float(along / power), float(tilted / steep)


@lru_cache(maxsize=64)
def _removed(phi: Activation, layer: bool) -> tuple[float, float]:
    """Units' worth of gradient that is missing behind a normalization of single samples, by way back.

    A gradient g behind it has no part along z = W phi, so W^T g has none along phi: E[phi^2 phi'^2] over
    E[phi^2] E[phi'^2].  The normalization then takes the part along u (and, `layer`, along 1) of phi' W^T g,
    as far as that is not along phi already.
    """

    def integrand(z: Floats) -> Floats:
        value, slope = phi.function(z), phi.slope(z)
        steep = slope * slope
        rows = (value * value, steep, value * value * steep, steep * z * z, slope * z * value, slope * value)
        return np.stack(rows)

    (power, steep, joint, along, mixed, flat), _ = expectations(integrand, phi.kinks)
    through = (along - mixed**2 / power) / steep
    constant = 1 - flat**2 / (power * steep) if layer else 0.0
    return float(joint / (power * steep)), float(through + constant)
