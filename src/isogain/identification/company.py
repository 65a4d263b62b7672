"""What the tensors of one model say of each other: they are trained together.

A weight that training moved by a tenth of a normal start's size is that normal law still, to every test of
its own: the directions that it gained drown in those of the draw.  But a model's gains and biases start as
constants, or within a bound, which the smallest step leaves; and some of its weights moved further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from isogain.core.initializers import Orthogonal, Uniform, VarianceScaling
from isogain.identification.result import Identified
from isogain.identification.sample import Sample

__all__ = ["Shapes", "beside_bias", "moved", "without_doubtful"]

Shapes = Mapping[str, tuple[int, ...]]
FEWEST = 8
"""Values of a vector that say whether it stands where vectors start."""
LEAST_REACH = 14.0
"""The largest of n uniform draws lies within 14/n of its bound, but for once in a million."""
SHARE = 0.15
"""Of moved tensors, from which a model counts as trained.  Libraries' own starts hold computed tables, which
look like moved ones, but fewer."""


def beside_bias(path: str, shapes: Shapes) -> tuple[int, ...]:
    """The shape of the weight whose fan_in a bias is drawn by, of recurrent layers the hidden one; or ()."""
    module, _, name = path.rpartition(".")
    if "bias" not in name:
        return ()
    prefix = module + "." if module else ""
    recurrent = name.replace("bias_ih", "weight_hh").replace("bias_hh", "weight_hh")
    beside = (shapes.get(prefix + other, ()) for other in (recurrent, name.replace("bias", "weight")))
    return next((one for one in beside if len(one) > 1 and 0 not in one), ())


def moved(one: Identified, sample: Sample, fan_in: float) -> bool | None:
    """Whether a tensor was seen to have left its start; None where nothing tells.

    `fan_in`: of the weight beside a bias, which is drawn within ±1/√fan_in; 0 where there is none.
    """
    if one.verdict in ("constant", "pattern"):
        return False
    if len(one.shape) > 1:
        return False if one.verdict == "drawn" else True if one.faults else None
    if sample.count < FEWEST:
        return None
    if not fan_in:
        return one.verdict != "drawn"
    reach = max(sample.high, -sample.low) * math.sqrt(fan_in)
    if 1 - LEAST_REACH / sample.count < reach <= 1 + 1e-5:
        return False
    return reach > 1 or one.verdict != "drawn" or None


def without_doubtful(found: dict[str, Identified], seen: list[bool | None]) -> dict[str, Identified]:
    """In a model that was trained, only claims that a small step would have undone."""
    told = [one for one in seen if one is not None]
    if sum(told) < SHARE * len(told) or sum(told) < 2:
        return found
    return {
        path: _doubted(one) if one.verdict == "drawn" and not _sharp(one) else one
        for path, one in found.items()
    }


def _sharp(one: Identified) -> bool:
    """A bound, or right angles, are lost by the first step; the shape of a histogram is not."""
    law = one.fits[0].initializer
    if isinstance(law, VarianceScaling):
        return law.distribution == "uniform"
    return isinstance(law, Orthogonal) or (
        isinstance(law, Uniform) and one.fits[0].named and law.low in (0, -law.high)
    )


def _doubted(one: Identified) -> Identified:
    why = "the tensors beside it were trained, and so little as it may have moved is not seen in its values"
    said = f"no law is claimed: {one.fits[0].says} would fit, but {why}"
    return replace(one, verdict="none", fits=(), reason=said)
