"""The learning rates of a plan: from theory where the model is one deep plain stack, else not known here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from isogain.graph.chains import Chain
from isogain.graph.entry import PlanError
from isogain.graph.scene import Scene
from isogain.theory.rates import RateRange, stack_rates

__all__ = ["rate_for", "rates_of_stack"]

NEARLY_ALL = 0.9
"""Share of a model's weighted operations that a chain must hold to stand for the model."""


def rates_of_stack(scene: Scene) -> tuple[RateRange, ...]:
    """What depth and width say, for each family of optimizers; nothing unless one deep stack is the model."""
    weighted = [node.index for node in scene.graph.nodes if node.weight is not None]
    for chain in scene.chains.all:
        if len(chain.weights) >= NEARLY_ALL * len(weighted) and _is_model(scene, chain):
            last = scene.graph.nodes[max(chain.weights)]
            return stack_rates(chain.depth, max(chain.width, 1), max(last.shape[last.channel_axis], 1))
    return ()


def _is_model(scene: Scene, chain: Chain) -> bool:
    """Whether a chain starts deep, and the model's output is what it ends in."""
    inside = any(one in scene.blocks.of_weight for one in chain.weights)
    last = max(chain.weights)
    ends = -1 in scene.links.readers.get(last, frozenset()) and bool(scene.graph.nodes[last].shape)
    return scene.deep(chain) and not chain.normalised and not inside and ends


def rate_for(rates: Iterable[RateRange], kind: str, optimizer: Any) -> float:
    """The middle for an optimizer of this kind, SGD's own momentum taken from its name or its instance."""
    found = {one.optimizer: one for one in rates}
    summed = "momentum" if kind == "sgd" and _has_momentum(optimizer) else kind
    if summed not in found:
        raise PlanError(
            "this plan knows no learning rate: give lr, or lr=isogain.torch.rate_range(model, inputs, loss), "
            "which measures one; init_ does so itself where it is given a loss"
        )
    return found[summed].middle


def _has_momentum(optimizer: Any) -> bool:
    if isinstance(optimizer, str):
        return optimizer.lower() in ("momentum", "nesterov")
    groups = getattr(optimizer, "param_groups", ())
    return any(group.get("momentum", 0.0) > 0 for group in groups)
