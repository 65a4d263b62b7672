"""How far networks of finite width stray from the mean, and from one another.

Every layer replaces an expectation by an average over its n units.  With Gaussian weights the
conditional variance K of a layer obeys K' = Q(K) (1 + fluctuation), of relative variance
kappa / n, kappa = E[phi^4] / E[phi^2]^2 - 1 (for ReLU the 5 / n a layer of Hanin & Nica 2019).
Orthogonal weights keep the length of what they carry, so it is the measured variance that obeys such a
law, with kappa - 2 S^2: the part of the fluctuation that the length explains is gone.  The law of ln K
is followed by an ensemble, so that it may be as wide as it likes; its random numbers are stratified and
seeded, and no global state is touched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from isogain.core.activations.quadrature import Floats
from isogain.theory.maps import MeanField, is_homogeneous
from isogain.theory.pairs import TheoryError

__all__ = ["COARSE", "SEED", "Ensemble", "LayerTable", "Paths", "layer_table", "log_averages", "strata"]

MEMBERS = 2048
SEED = 20170417
COLUMNS = 11
"""Numbers of a layer in its table: what `_row` lists."""
SPACING, COARSE = 0.2, 0.4
"""Distance in ln q between the places where a layer's numbers are computed; cubic in between.

The coarse one is for advice, which wants three digits at once."""


def log_averages(noise: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of ln of averages of mean 1 and these relative variances.

    The average of n positive terms is taken for a Gamma variable of the same two moments: exact for
    squares of normal numbers, right to second order in 1 / n otherwise.  (The asymptotic series of psi
    and its derivative, good to 1e-4 up to a relative variance of 0.5.)
    """
    noise = np.clip(noise, 0.0, 2.0)
    mean = -noise / 2 - noise**2 / 12 + noise**4 / 120
    return mean, noise + noise**2 / 2 + noise**3 / 6 - noise**5 / 30


@lru_cache(maxsize=4)
def strata(members: int) -> Floats:
    """The medians of equally likely intervals of the standard normal law."""
    # the standard library's: scipy.special takes longer to import than a whole advice
    quantile = NormalDist().inv_cdf
    return np.array([quantile((place + 0.5) / members) for place in range(members)])


@lru_cache(maxsize=128)
def layer_table(field: MeanField, spacing: float = SPACING) -> LayerTable:
    """The table of one field, kept: several networks ask for the same places."""
    return LayerTable(field, spacing)


class LayerTable:
    """What a layer does at any ln q: computed at even places when first needed, cubic in between."""

    def __init__(self, field: MeanField, spacing: float = SPACING) -> None:
        self.field, self.spacing = field, spacing
        self.rigid = is_homogeneous(field.activation) and field.bias_variance == 0
        self.known: dict[int, Floats] = {}
        self.cells = np.empty(0, dtype=int)
        self.cubics = np.empty((0, 4, COLUMNS))
        """By cell and power of the place in it."""

    def at(self, log_q: Floats) -> Floats:
        """The columns of `_row` for every member: shape (11, members)."""
        if self.rigid:
            values = np.repeat(self._node(0)[:, None], len(log_q), axis=1)
            values[0] += log_q
            return values
        if not (np.abs(log_q) < 80).all():  # phi^4 must not overflow either
            raise TheoryError("the variance of some networks leaves the range of numbers; take fewer layers")
        position = log_q / self.spacing
        floor = np.floor(position)
        found = self._found(floor.astype(int))
        cubic = self.cubics[found]
        t = (position - floor)[:, None]
        values = ((cubic[:, 3] * t + cubic[:, 2]) * t + cubic[:, 1]) * t + cubic[:, 0]
        return np.ascontiguousarray(values.T)

    def _found(self, cell: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each cell's cubics are; new cells are computed."""
        new = set(cell.tolist()).difference(self.cells.tolist())
        if new:
            cubics = np.concatenate([self.cubics, [self._cubic(one) for one in new]])
            cells = np.append(self.cells, list(new))
            order = cells.argsort()
            self.cells, self.cubics = cells[order], cubics[order]
        return np.searchsorted(self.cells, cell)

    def _cubic(self, cell: int) -> Floats:
        """The cubic through the four nodes around a cell, by powers of the place in it: shape (4, 11)."""
        before, here, after, beyond = (self._node(cell + step) for step in (-1, 0, 1, 2))
        linear = after - here / 2 - before / 3 - beyond / 6
        square = (before + after) / 2 - here
        cube = (beyond - before) / 6 + (here - after) / 2
        return np.stack([here, linear, square, cube])

    def _node(self, place: int) -> Floats:
        if place not in self.known:
            self.known[place] = _row(self.field, math.exp(place * self.spacing))
        return self.known[place]


def _row(field: MeanField, q: float) -> Floats:
    """ln Q, ln chi, share of weights in Q, S, then n times the noises, and the second derivatives."""
    moments = field.activation.moments(q)
    after, chi = field.variance(q), field.chi(q)
    second, steep = moments.second.value, moments.slope_second.value
    if not (after > 0 and 0 < chi < math.inf):
        raise TheoryError(
            f"{field.activation} passes no signal or no gradient at q = {q:.3g} (Q = {after:.3g}, "
            f"chi = {chi:.3g}); its networks have no logarithm to predict"
        )
    return np.array(
        [
            math.log(after),
            math.log(chi),
            field.weight_variance * second / after,
            field.elasticity(q),
            moments.kappa,
            3 * moments.slope_fourth.value / steep**2 - 1,
            moments.joint.value / (second * steep) - 1,
            moments.slope_elasticity,
            field.weight_variance * moments.curve.value / after,
            moments.slope_curve.value / steep,
            moments.elasticity**2 * second / (q * steep),
        ]
    )


@dataclass(frozen=True)
class Passed:
    """One layer as each member of the ensemble saw it on the way forward."""

    log_factor: Floats
    """ln of the factor on the gradient, for a gradient that knows nothing of the forward signal."""
    wobble: Floats
    """ln of how much longer than expected g came out, less the same of z."""
    signal: Floats
    joint: Floats
    """E[phi^2 phi'^2] / (E[phi^2] E[phi'^2])"""
    tilt: Floats
    handed_on: Floats
    """The share of an alignment that reaches the layer below."""
    width: int


@dataclass(frozen=True)
class Paths:
    """ln q and ln g (relative to the last layer) as measured in each member of the ensemble."""

    log_variance: Floats
    """(depth, members)"""
    log_gradient: Floats
    """(depth, members)"""

    def summary(self, which: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, standard deviation, and the ends of the central 95 %, layer by layer."""
        paths = self.log_variance if which == "variance" else self.log_gradient
        low, high = np.quantile(paths, [0.025, 0.975], axis=1)
        return paths.mean(axis=1), paths.std(axis=1), low, high

    def spreads(self) -> tuple[Floats, Floats]:
        """Standard deviations of ln q and of ln g, layer by layer."""
        return self.log_variance.std(axis=1), self.log_gradient.std(axis=1)


class Ensemble:
    """Many networks of the same widths, each followed by two numbers a layer instead of n^2."""

    def __init__(
        self,
        field: MeanField,
        widths: tuple[int, ...],
        orthogonal: bool,
        members: int = MEMBERS,
        spacing: float = SPACING,
    ) -> None:
        self.field, self.widths, self.orthogonal = field, widths, orthogonal
        self.table = layer_table(field, spacing)
        self.generator = np.random.Generator(np.random.Philox(SEED))
        self.strata = strata(members)

    def normals(self) -> Floats:
        """Standard normal numbers, one from each of as many equally likely intervals."""
        return self.generator.permutation(self.strata)

    def average(self, noise: Floats) -> Floats:
        """ln of an average of relative variance `noise`, one for each member."""
        mean, variance = log_averages(noise)
        return np.asarray(mean + np.sqrt(variance) * self.normals())

    def run(self, input_variance: float) -> Paths:
        """Forward through all layers, then back."""
        log_q = self._first(input_variance)
        forward, layers = [self._measured(log_q, 1)], []
        for layer in range(1, len(self.widths) - 1):
            log_q, passed = self._layer(log_q, self.widths[layer], self.widths[layer + 1])
            forward.append(self._measured(log_q, layer + 1))
            layers.append(passed)
        return Paths(np.array(forward), self._backward(layers))

    def _backward(self, layers: list[Passed]) -> Floats:
        """ln g from the last layer to the first.

        Weights that carried phi(z) forward to z carry g back, so the part of g along z returns along
        phi(z), where slopes are not typical.  `along` is sqrt(n) cos of the angle between g and z, a
        standard normal number for strangers; for ReLU it stays one, elsewhere the memory adds a term of
        order depth^2 / n to ln g.  z . g itself is handed on (for ReLU it is conserved, Euler's identity),
        so the fluctuations of both lengths turn up in the angle.
        """
        log_g = np.zeros(len(self.strata))
        back, along = [log_g], self.normals()
        for one in reversed(layers):
            carried = np.sqrt(one.signal) * along + np.sqrt(np.maximum(1 - one.signal, 0)) * self.normals()
            grown = 1 + (carried**2 - 1) * (one.joint - self.orthogonal) / one.width
            grown = np.maximum(grown, 0.1)
            log_g = log_g + one.log_factor + np.log(grown)
            fresh = np.sqrt(np.maximum(1 + 2 * one.tilt - one.handed_on, 0))
            along = np.sqrt(one.handed_on) * carried + fresh * self.normals()
            along = along / np.sqrt(grown * np.exp(one.wobble))
            back.append(log_g)
        return np.array(back[::-1])

    def _first(self, input_variance: float) -> Floats:
        """ln of the first layer's variance: given the input it is certain, but for the units measured."""
        q = self.field.weight_variance * input_variance + self.field.bias_variance
        start = np.full(len(self.strata), math.log(q))
        if not self.orthogonal:
            return start
        signal = self.field.weight_variance * input_variance / q
        kept = min(1.0, self.widths[1] / self.widths[0])
        return start + self.average(np.full_like(start, 2 * (1 - signal**2 * kept) / self.widths[1]))

    def _measured(self, log_q: Floats, layer: int) -> Floats:
        """With Gaussian weights the layer's own n units are a sample from the variance that is followed."""
        if self.orthogonal:
            return log_q
        return log_q + self.average(np.full_like(log_q, 2 / self.widths[layer]))

    def _layer(self, log_q: Floats, width: int, following: int) -> tuple[Floats, Passed]:
        """ln q one layer on, and what the way back needs to know of this layer."""
        row = self.table.at(log_q)
        after, chi, signal, slope, kappa, back, shared, tilt, curve, chi_curve, handed_on = row
        joint = shared + 1
        noise, shared = signal**2 * kappa, signal * shared
        if self.orthogonal:
            noise = np.maximum(noise - 2 * slope**2, 0)
            back = np.maximum(back - 2 * min(1.0, width / following) - 2 * tilt**2, 0)
            shared = shared - 2 * slope * tilt
            # at a fixed length the units spread less than a normal law: E moves by -curve / n
            after, chi = after - curve / width, chi - chi_curve / width
        mean, variance = log_averages(noise / width)
        behind, back_variance = log_averages(back / width)
        together = np.sqrt(np.maximum(noise * back, 1e-300))
        correlation = np.clip(shared / together, -1, 1)
        one, two = self.normals(), self.normals()
        mixed = correlation * one + np.sqrt(1 - correlation**2) * two
        forth, hither = mean + np.sqrt(variance) * one, behind + np.sqrt(back_variance) * mixed
        log_next, factor = after + forth, chi + hither + math.log(following / width)
        if self.orthogonal:
            kept = min(1.0, following / width)
            log_next = log_next + self.average(2 * (1 - signal**2 * kept) / following)
        return log_next, Passed(factor, hither - forth, signal, joint, tilt, handed_on, width)
