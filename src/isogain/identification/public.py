"""`identify`: which law the values of each tensor come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isogain.checking import Checks, shown
from isogain.core.geometry.fans import FRAMEWORK_RULES
from isogain.core.initializers import (
    Constant,
    Identity,
    Normal,
    Ones,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from isogain.core.values.distributions import truncated_std
from isogain.core.values.initializer import Initializer
from isogain.errors import DataError
from isogain.identification.company import beside_bias, moved, without_doubtful
from isogain.identification.families import Family, families
from isogain.identification.files import tensors_of_file
from isogain.identification.judging import faults_of
from isogain.identification.orthogonality import orthogonal_fit
from isogain.identification.result import Fit, Identification, Identified
from isogain.identification.sample import Sample, taken
from isogain.identification.scales import Scale, named_scales, rounded
from isogain.identification.stored import InMemory, Stored

__all__ = ["identified", "identify"]

CHECKS = Checks(DataError)
Hints = tuple[str, tuple[int, ...]]
"""Whose fan rule comes first, and the shape of the weight beside a bias."""
FEWEST = 100
"""Values below which no law is told from another."""
MANY = 4096
"""Values of a matrix from which a law is told even where its scale is nobody's."""
NEAR = 4.5
"""Standard errors within which a scale counts as the one."""
NATS = 12.0
"""A likelihood ratio that settles the family."""
RARE = 10.0
"""Nats: cuts at 3 sigmas are rare, and 2000 draws of a normal law lie within them once in 200 times."""


def identify(source: Any, *, fan_rule: str = "torch") -> Identification:
    """Which law the values of each tensor come from: path -> Identified.

    `source` is an array, a mapping of arrays, or a `.safetensors`, `.npz` or `.npy` file (or a folder of
    them), which is read by parts, without the model's code: of a tensor of more than 65,536 values rows and
    columns at fixed strides.
    `isogain.torch.identify` also takes tensors, modules, state dicts and `.pt` files.

    Family: normal, uniform, normal cut at 2 or 3 sigmas (by the likelihood ratio), orthogonal, constant,
    identity.  The scale is held against fans of the shape times usual gains, round numbers, and round
    numbers over a root of depth; all that lie within 4.5 standard errors are `fits`, the likeliest first.
    A tensor whose rows or columns differ in size, whose neighbours are correlated, which has directions of
    its own, correlated lines or another histogram, fits no law: it was trained, or drawn otherwise.
    Tensors of one source are taken as one model: where others were trained, only laws with a bound or right
    angles are claimed, since what moved a little is still a normal law to every test.

    `fan_rule` says whose shapes they are ("torch": (out, in, k...), "keras" for Keras and JAX, "mlx", ...):
    that reading of the fans comes first, and others after it.

    Raises DataError for what holds no tensors.

    >>> from isogain.drawing import draw
    >>> w = draw("he_normal", (500, 300), layout="out in", seed=0)
    >>> identify({"fc.weight": w})["fc.weight"].fits[0].says
    'w ~ N(0, σ²), σ² = 2 / fan_in (300)'
    """
    CHECKS.choice("fan_rule", fan_rule, tuple(FRAMEWORK_RULES))
    found = identified(_tensors(source), fan_rule)
    CHECKS.require(len(found) > 0, f"there is no tensor of real numbers in {shown(source)}")
    return found


def identified(tensors: Iterable[Stored], fan_rule: str = "torch") -> Identification:
    """The findings for tensors however they are stored, copies and ties among them."""
    found: dict[str, Identified] = {}
    first: dict[Any, str] = {}
    owners: dict[Any, str] = {}
    every = list(tensors)
    shapes = {stored.path: stored.shape for stored in every}
    seen: list[bool | None] = []
    for stored in every:
        if stored.count == 0:
            continue
        if stored.identity is not None and stored.identity in owners:
            other = found[owners[stored.identity]]
            found[stored.path] = _again(stored, other, tied=True)
            continue
        sample = taken(stored)
        weight = beside_bias(stored.path, shapes) if len(stored.shape) == 1 else ()
        one = _one(stored, sample, (fan_rule, weight))
        seen.append(moved(one, sample, FRAMEWORK_RULES[fan_rule](weight).fan_in if weight else 0.0))
        if one.verdict not in ("constant", "pattern", "few"):
            if sample.digest in first:
                one = _again(stored, found[first[sample.digest]], tied=False)
            first.setdefault(sample.digest, stored.path)
        if stored.identity is not None:
            owners[stored.identity] = stored.path
        found[stored.path] = one
    return Identification(without_doubtful(found, seen))


def _again(stored: Stored, other: Identified, tied: bool) -> Identified:
    return Identified(
        stored.path, stored.shape, other.verdict, other.fits, other.reason, other.path, tied, other.values
    )


def _tensors(source: Any) -> Iterator[Stored]:
    if isinstance(source, str | Path):
        yield from tensors_of_file(Path(source))
        return
    arrays = source if isinstance(source, Mapping) else {"values": source}
    for name, one in arrays.items():
        try:
            array = np.asarray(one)
            real = array.dtype.kind == "f"
        except Exception as error:
            raise DataError(f"{shown(name)}: no array of numbers: {shown(one)}") from error
        if real:
            yield InMemory(str(name), array, identity=id(one))
        elif not isinstance(source, Mapping):
            raise DataError(
                f"identify takes an array of real numbers, a mapping of them, or a file, got {shown(source)}"
            )


def _one(stored: Stored, sample: Sample, hints: Hints) -> Identified:
    """One tensor, from the plainest law to none."""

    def told(verdict: str, fits: tuple[Fit, ...], reason: str, faults: tuple[str, ...] = ()) -> Identified:
        return Identified(
            stored.path, stored.shape, verdict, fits, reason, values=sample.count, faults=faults
        )

    if not np.isfinite(sample.flat).all():
        return told("none", (), "holds NaN or infinities")
    constant = _constant(sample)
    if constant is not None:
        return told("constant", (constant,), constant.says)
    pattern = _pattern(sample)
    if pattern is not None:
        return told(*pattern)
    if sample.count < FEWEST:
        return told("few", (), f"{sample.count} values tell no law")
    orthogonal = orthogonal_fit(stored, sample)
    if orthogonal is not None:
        return told("drawn", (orthogonal,), orthogonal.says)
    sample, without = _without_rows_of_zeros(sample)
    fits, faults = _drawn(sample, hints)
    if fits:
        return told("drawn", fits, fits[0].says + without)
    why = "; ".join(faults) or "its scale is nobody's, and too few values to be sure"
    return told("none", (), f"no law fits: trained, or drawn otherwise ({why}){without}", faults)


def _constant(sample: Sample) -> Fit | None:
    if sample.low != sample.high:
        return None
    value = sample.low
    law: Initializer = Zeros() if value == 0 else Ones() if value == 1 else Constant(value)
    return Fit(law, f"w = {value:g}", 0.0)


def _pattern(sample: Sample) -> tuple[str, tuple[Fit, ...], str] | None:
    """An identity, or numbers that a formula gives."""
    matrix = sample.matrix
    if sample.shape == matrix.shape and matrix.shape[0] > 1:
        gain = float(matrix[0, 0])
        if gain and np.array_equal(matrix, gain * np.eye(*matrix.shape)):
            return "pattern", (Fit(Identity(gain), f"W = {gain:g} I", 0.0),), "an identity"
    values = np.unique(sample.flat)
    if len(values) <= max(2, sample.count // 50):
        return "pattern", (), f"{len(values)} different values only: computed, rounded or quantised"
    if len(sample.shape) == 1 and sample.count >= 8:
        for name, steps in (
            ("", sample.flat),
            ("the exponentials of ", np.exp(np.clip(sample.flat, -50, 50))),
        ):
            step = np.diff(steps)
            if float(np.abs(step - step.mean()).max()) < 1e-3 * abs(float(step.mean())):
                return "pattern", (), f"{name}evenly spaced numbers"
    return None


def _without_rows_of_zeros(sample: Sample) -> tuple[Sample, str]:
    """Padding rows are 0 on purpose."""
    blank = np.asarray(~sample.matrix.any(axis=1))
    count = int(blank.sum())
    if not 0 < count <= max(2, len(blank) // 20):
        return sample, ""
    return Sample(
        sample.matrix[~blank], sample.shape, sample.resolution
    ), f"; {count} of the rows looked at are 0"


def _drawn(sample: Sample, hints: Hints) -> tuple[tuple[Fit, ...], tuple[str, ...]]:
    """The laws that fit, of the likeliest family and those it does not beat; and why the others do not."""
    found = families(sample)
    fits: list[tuple[float, Fit]] = []
    reasons: dict[str, None] = {}
    for family in found:
        behind = found[0].likelihood - family.likelihood
        if behind > NATS:
            break
        said = list(faults_of(sample, family.cdf, family.kurtosis))
        if said:
            reasons.update(dict.fromkeys(said))
            continue
        fits += [(rank + behind, fit) for rank, fit in _fits(sample, family, hints)]
    fits.sort(key=lambda one: one[0])
    return tuple(fit for _, fit in fits[:6]), tuple(reasons)


def _fits(sample: Sample, family: Family, hints: Hints) -> Iterator[tuple[float, Fit]]:
    """(rank, fit) of every scale near enough; the scale itself where none is and the values are many."""
    if family.mean:
        shifted = _shifted(sample, family)
        if shifted is not None or len(sample.shape) < 2:
            yield from [shifted] if shifted is not None else []
            return
    named = list(_named(sample, family, hints))
    yield from named
    if not named and len(sample.shape) >= 2 and sample.count >= MANY:
        number = family.std * (math.sqrt(3) if family.name == "uniform" else 1.0)
        scale = Scale(rounded(family.std, 4), f"{rounded(number, 3):g}", 9.0)
        yield 9.0, Fit(_law(scale, family), _says(scale, family) + ", a number of its own", 0.0, named=False)


def _named(sample: Sample, family: Family, hints: Hints) -> Iterator[tuple[float, Fit]]:
    """Every scale that somebody could have meant: of what is left after a cut, and of what was cut."""
    error = math.hypot(family.error, sample.resolution)
    within = (10 if family.one_sided else NEAR) * error
    told = family.std * (1 - 1 / sample.count if family.one_sided else 1)
    seldom = RARE if family.cut > 2 and math.isfinite(family.cut) else 0.0
    for left in (1.0, truncated_std(-family.cut, family.cut)) if math.isfinite(family.cut) else (1.0,):
        for scale in named_scales(sample.shape, family.name, told / left, within, *hints):
            off = (scale.std * left / told - 1) / error
            if family.one_sided and off < -3 * sample.resolution / error - 1e-6:
                continue
            if scale.rarity > 1 - math.log(
                2 * within
            ):  # few values lie near some rare number or other anyway
                continue
            cost = abs(off) if family.one_sided else 0.5 * off**2
            fit = Fit(_law(scale, family, left < 1), _says(scale, family, left < 1), abs(off))
            yield (
                scale.rarity + cost + seldom + (1.0 if left < 1 and scale.initializer is not None else 0.0),
                fit,
            )


def _shifted(sample: Sample, family: Family) -> tuple[float, Fit] | None:
    """A law that is not centred: its two numbers, where they are round."""
    if family.name == "uniform":
        low, high = _round_ends(sample)
        if high <= low:
            return None
        return 0.0, Fit(Uniform(low, high), f"w ~ U[{low:g}, {high:g})", 0.0)
    mean, std = rounded(family.mean, 1), rounded(family.std, 2)
    near = abs(mean - family.mean) < NEAR * family.std / math.sqrt(sample.count)
    if family.name != "normal" or not near or abs(std / family.std - 1) > NEAR * family.error:
        return None
    return 0.0, Fit(Normal(std, mean), f"w ~ N({mean:g}, {std:g}²)", 0.0)


def _round_ends(sample: Sample) -> tuple[float, float]:
    """The round ends of an interval that is a hair wider than the values; (0, 0) where there is none."""
    hair = 15 * (sample.high - sample.low) / sample.count
    for digits in (1, 2, 3):
        step = 10.0 ** math.floor(math.log10(max(abs(sample.high), abs(sample.low)))) / 10 ** (digits - 1)
        if step < 2 * hair:  # any interval has such ends
            break
        low, high = math.floor(sample.low / step + 1e-6) * step, math.ceil(sample.high / step - 1e-6) * step
        if sample.low - low < hair and high - sample.high < hair:
            return float(f"{low:.6g}"), float(f"{high:.6g}")
    return 0.0, 0.0


def _law(scale: Scale, family: Family, uncorrected: bool = False) -> Initializer:
    value = scale.initializer
    if isinstance(value, VarianceScaling) and not (family.name == "truncated_normal" and family.cut != 2):
        return value.replace(truncation="uncorrected") if uncorrected else value
    if family.name == "uniform":
        bound = math.sqrt(3) * scale.std
        return Uniform(-bound, bound)
    if family.name == "truncated_normal":
        return TruncatedNormal(scale.std, 0.0, -family.cut, family.cut, corrected=not uncorrected)
    return Normal(scale.std)


def _says(scale: Scale, family: Family, uncorrected: bool = False) -> str:
    number = scale.says
    if family.name == "uniform":
        if scale.initializer is None:
            return f"w ~ U(±{number})"
        return f"w ~ U, Var[w] = {number}"
    ends = f" given |w| < {family.cut:g}σ" if family.name == "truncated_normal" else ""
    what = "σ²" if uncorrected or not ends else "Var[w]"
    if scale.initializer is not None:
        return f"w ~ N(0, σ²){ends}, {what} = {number}"
    return (
        f"w ~ N(0, ({number})²)"
        if not ends
        else f"w ~ N(0, σ²){ends}, {'σ' if uncorrected else 'std'} = {number}"
    )
