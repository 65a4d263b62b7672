"""Models on the meta device: memory for every parameter, and the own start of those a plan keeps."""

from __future__ import annotations

import torch
from torch import nn

from isogain.graph.plan import Plan

__all__ = ["materialize_kept"]

Tensor = torch.Tensor


def materialize_kept(model: nn.Module, plan: Plan, seed: int) -> None:
    """Gives every meta parameter memory; those the plan keeps get what reset_parameters of their module gives.

    Buffers on the meta device, and kept parameters whose module has no reset_parameters, raise PlanError
    that names them all, before anything is allocated.
    """
    raise NotImplementedError
