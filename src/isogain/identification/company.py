"""What the tensors of one model say of each other: they are trained together.

A weight that training moved by a tenth of a normal start's size is that normal law still, to every test of its
own: the directions that it gained drown in those of the draw.  But a model's gains and biases start as
constants, or within a bound, which the smallest step leaves; and some of its weights moved further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from isogain.core.geometry.fans import FRAMEWORK_RULES
from isogain.core.initializers import Orthogonal, Uniform, VarianceScaling
from isogain.identification.result import Identified
from isogain.identification.sample import Sample

__all__ = ["Shapes", "bias_bound", "moved", "without_doubtful"]

Shapes = Mapping[str, tuple[int, ...]]
FEWEST = 8
"""Values of a vector that say whether it stands where vectors start."""
SHARE = 0.25
"""Of moved tensors, from which a model counts as trained.  Libraries' own starts hold computed tables, which
look like moved ones, but fewer."""


def bias_bound(path: str, shapes: Shapes, fan_rule: str) -> float:
    """1/√(the smallest fan_in of its module's weights), within which a bias is drawn; infinite without any."""
    module, _, name = path.rpartition(".")
    if "bias" not in name:
        return 0.0
    beside = [
        FRAMEWORK_RULES[fan_rule](shape).fan_in
        for other, shape in shapes.items()
        if other.rpartition(".")[0] == module and len(shape) > 1 and 0 not in shape
    ]
    return 1 / math.sqrt(min(beside)) if beside else 0.0


def moved(one: Identified, sample: Sample, bound: float, faulty: bool) -> bool | None:
    """Whether a tensor was seen to have left its start; None where nothing tells."""
    if one.verdict in ("constant", "pattern"):
        return False
    if len(one.shape) > 1:
        return False if one.verdict == "drawn" else faulty or None
    if sample.count < FEWEST:
        return None
    if bound:
        return max(sample.high, -sample.low) > bound * (1 + 1e-5) or None
    return one.verdict != "drawn"


def without_doubtful(found: dict[str, Identified], seen: list[bool | None]) -> dict[str, Identified]:
    """In a model that was trained, only claims that a small step would have undone."""
    told = [one for one in seen if one is not None]
    if sum(told) < SHARE * len(told) or sum(told) < 2:
        return found
    return {
        path: _doubted(one) if one.verdict == "drawn" and not _sharp(one) else one for path, one in found.items()
    }


def _sharp(one: Identified) -> bool:
    """A bound, or right angles, are lost by the first step; the shape of a histogram is not."""
    law = one.fits[0].initializer
    if isinstance(law, VarianceScaling):
        return law.distribution == "uniform"
    return isinstance(law, Orthogonal) or (isinstance(law, Uniform) and law.low == -law.high)


def _doubted(one: Identified) -> Identified:
    why = "the tensors beside it were trained, and so little as this may have moved is not seen in its values"
    return replace(one, verdict="none", fits=(), reason=f"no law is claimed: {one.fits[0].says} would fit, but {why}")
