"""Models on the meta device: memory for every parameter, and the own start of those a plan keeps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from isogain.graph.entry import PlanError
from isogain.graph.plan import Plan
from isogain.torch.draw.materialize import Places, _real, _tell_sharding, places_of

__all__ = ["materialize_kept"]


def materialize_kept(model: nn.Module, plan: Plan, seed: int) -> None:
    """Gives everything on the meta device memory; what the plan does not draw starts as its module says.

    That is what `reset_parameters` of the module gives, from `seed`, without touching global random state.
    Parameters the plan keeps and buffers whose module has no such method raise PlanError that names them
    all, before anything is allocated.
    """
    waiting = [places for places in places_of(model) if places.tensor.is_meta]
    undrawn = [places for places in waiting if places.path not in plan or plan[places.path].kept]
    resets = {id(module): _reset_of(module) for places in undrawn for module, _ in places.owners}
    lost = [p for p in undrawn if not any(resets[id(module)] for module, _ in p.owners)]
    if lost:
        raise PlanError(
            f"nothing was written: {', '.join(map(_described, lost))} on the meta device has nothing to "
            "start from; give each parameter an initializer (plan[path] = 'zeros'), and buffers memory"
        )
    for places in waiting:
        _real(places, None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            reset = resets.get(id(module))
            if reset is not None:
                reset()
    _tell_sharding(model)


def _reset_of(module: nn.Module) -> Callable[[], object] | None:
    found = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    return found if callable(found) else None


def _described(places: Places) -> str:
    return places.path if places.is_parameter else f"the buffer {places.path}"
