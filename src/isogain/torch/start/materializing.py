"""`materialize_`: a model without memory becomes real, by choices, by a Plan, or by its own start."""

from __future__ import annotations

import torch
from torch import nn

from isogain.checking import shown
from isogain.errors import DrawError
from isogain.graph.plan import Plan
from isogain.torch.draw.materialize import Choices, chosen, places_of
from isogain.torch.own.beginning import begin
from isogain.torch.record.gathering import resharded
from isogain.torch.start.apply import write_plan

__all__ = ["materialize_"]


def materialize_(
    model: nn.Module,
    choices: Choices | Plan | None = None,
    *,
    seed: int,
    device: torch.device | str | None = None,
    threads: int | None = None,
) -> nn.Module:
    """Return the model, its meta tensors now real: what was chosen, and its own start for the rest.

    Without `choices` everything on the meta device starts as its library wrote it (see `own_plan`): laws
    drawn by isogain, keyed by (seed, path); what is computed, buffers included, as the constructor computed
    it; what is random without a law, replayed from a generator keyed by (seed, path).  How a model came to be
    is known from `deferred`; else its own code is run without memory (what its constructors
    did, then `initialize_weights`, `init_weights` or `_init_weights`).

    `choices` is a Plan, or maps paths, or patterns such as "layers.*.weight" (the first that fits counts), to
    an initializer, a `Filling` (initializer and layout), a tensor to copy or a number; or is a function
    (path, tensor) -> one of these or None.  Weights of convolutions, transposed convolutions and embeddings
    are read through their own layout unless a Filling says otherwise.  Tensors that have memory are kept
    unless chosen.

    Tied parameters are drawn once, under their first path, and stay tied; dtypes stay.  DTensors
    (`fully_shard` on the meta device included) get memory and numbers for their own share only, the same as
    unsharded.  Paths are those of `named_parameters` without the wrappers of torch.compile, activation
    checkpointing and DistributedDataParallel, so wrapping changes no number.  Memory beyond the model's own
    stays under one parameter's.

    Raises DrawError that names everything whose start is not known, every path or pattern that fits nothing,
    or the first that its choice does not fit, PlanError for a plan that does not fit, before any write.

    >>> with torch.device("meta"):
    ...     model = nn.Linear(784, 10)
    >>> materialize_(model, {"weight": "he_normal"}, seed=0).weight.device
    device(type='cpu')
    """
    if not isinstance(model, nn.Module):
        raise DrawError(f"model must be a torch.nn.Module, got {shown(model)}")
    if isinstance(model, nn.parallel.DistributedDataParallel):
        materialize_(model.module, choices, seed=seed, device=device, threads=threads)
        return model
    if isinstance(choices, Plan):
        write_plan(model, choices, seed, device=device, threads=threads)
        return model
    resharded(model)
    places = places_of(model)
    found = {} if choices is None else chosen(choices, places)
    begin(model, places, found, seed=seed, device=device, threads=threads)
    return model
