"""From a situation to a recipe: what stands before an activation decides which law its weights want."""

from __future__ import annotations

import math

from isogain.core.activations import Activation
from isogain.core.initializers import Initializer, Ones, VarianceScaling, Zeros
from isogain.theory.mirrored import Mirrored
from isogain.theory.plain_recipe import head, no_bias, plain
from isogain.theory.situation import Choice, Recipe, Situation

__all__ = ["choose"]


def choose(phi: Activation, situation: Situation, mirror: Mirrored) -> Recipe:
    """The recipe for this situation."""
    if situation.normalization and not situation.residual:
        return _normalized(phi, situation)
    if situation.residual:
        return _residual(phi, situation)
    return plain(phi, situation, mirror)


def _law(scale: float) -> Initializer:
    """Gaussian weights of variance scale / fan_in, equal to LeCun's and He's where they are meant."""
    for known in (1.0, 2.0):
        scale = known if math.isclose(scale, known, rel_tol=1e-9) else scale
    return VarianceScaling(scale)


# Normalization resets the forward scale at every layer; only gradients are left to care for.


def _normalized(phi: Activation, situation: Situation) -> Recipe:
    moments = phi.moments(1.0)
    centred = situation.normalization in ("batch", "layer", "group", "instance")
    spread = (
        moments.variance
        if situation.normalization in ("batch", "group", "instance")
        else moments.second.value
    )
    factor = moments.slope_second.value / spread
    gain = 1 / moments.second.value
    reason = "the normalization divides its scale away; this one also suits the first step's relative size"
    choices = (
        Choice("hidden", _law(gain), f"fan_in Var[w] = 1 / E[phi^2] = {gain:.4g}: {reason}"),
        Choice("bias", Zeros(), "the normalization's shift does its work" if centred else "not needed yet"),
        Choice("norm scale", Ones(), "unit variance before every activation"),
        Choice("norm shift", Zeros(), "centred before every activation"),
        head(situation),
    )  # fmt: skip
    reach = 6 / abs(math.log(factor)) if abs(factor - 1) > 1e-9 else math.inf
    warnings = []
    if situation.normalization == "batch":
        warnings.append("the gradient's growth is that of a large batch; small batches add to it")
    return Recipe(
        f"any scale works forward behind {situation.normalization} normalization; gradients grow "
        f"{factor:.4g}-fold (variance) a layer, which only residual branches undo",
        choices, 1.0, math.sqrt(factor), None, reach, "six e-folds of the gradient's variance",
        math.sqrt(gain / situation.width), tuple(warnings),
        ("residual branches around every two layers, with norm scale 0 at the end of each branch",),
    )  # fmt: skip


# Residual branches: the trunk is the isometry, and branches must be small together.


def _residual(phi: Activation, situation: Situation) -> Recipe:
    blocks = situation.depth
    scale = 1 / phi.moments(1.0).second.value
    inner = _law(scale)
    growth = (1 + 1 / blocks) ** blocks
    layer = "of the normalised input" if situation.normalization else "of the trunk"
    choices = [
        Choice("hidden", inner, f"fan_in Var[w] = {scale:.4g}: inside a branch the variance {layer} is kept"),
        Choice(
            "branch output", VarianceScaling(scale / blocks),
            f"1 / sqrt(L) smaller, L = {blocks}: all branches together add as much variance as the "
            "trunk carries",
        ),
        no_bias(),
        head(situation),
    ]  # fmt: skip
    if situation.normalization:
        zero = "every block starts as the identity (or keep 1 here and the small branch output)"
        choices.insert(2, Choice("norm scale", Ones(), "1 everywhere else"))
        choices.insert(3, Choice("last norm scale of a branch", Zeros(), zero))
    return Recipe(
        f"branches scaled by 1 / sqrt({blocks}): variance grows at most {growth:.3g}-fold over all blocks",
        tuple(choices), (1 + 1 / blocks) ** 0.5, (1 + 1 / blocks) ** 0.5, None, math.inf,
        "the trunk carries signals and gradients past any number of branches",
        math.sqrt(scale / situation.width),
        alternatives=(
            "zero branch outputs: an exact identity at the start (SkipInit, ReZero, Fixup's last layer)",
            "1 / L instead of 1 / sqrt(L) where branches come to pull in the same direction in training",
        ),
    )  # fmt: skip
