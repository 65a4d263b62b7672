"""`coordinate_check`: how much each layer's outputs move in a few steps, at several widths."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from isogain.errors import InspectError
from isogain.graph.groups import optimizer_kind
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.graph.recipes.typed import RecipeName
from isogain.inspect.coordinates import CoordinateCheck, Movement
from isogain.torch.call.calling import applied, arguments_of
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import LossLike
from isogain.torch.start.apply import apply_
from isogain.torch.start.planning import plan

__all__ = ["coordinate_check"]

Tensor = torch.Tensor
Make = Callable[[int], nn.Module]
WIDTH_RECIPES = ("mup", "completep", "spectral")


def coordinate_check(
    make: Make,
    widths: Sequence[int],
    inputs: Any,
    *,
    recipe: RecipeName | str | None = "mup",
    base: int | None = None,
    loss: LossLike | None = None,
    lr: float = 1e-2,
    optimizer: str = "adam",
    steps: int = 3,
    seeds: Iterable[int] = (0, 1, 2),
) -> CoordinateCheck:
    """A CoordinateCheck: each layer's outputs, how far they moved after `steps` updates, at every width.

        movement = rms(h_t - h_0),  h a layer's output on the same batch before and after t updates

    In a right parametrization movement does not depend on the width: its slope d ln(movement) / d ln(width)
    is 0; layers whose slope is above it will blow up as the model grows, those below stop learning.

    `make(width)` builds a model; `inputs` is the batch, or a function of the width; `loss` takes the output
    (its own `.loss`, or the mean square distance from fixed random targets, if None).  With `recipe`
    "mup", "completep" or "spectral" the models are planned against `make(base)`, `base` being the
    smallest width; with another recipe they are started by it, with None as they are built; one learning
    rate then serves all.  `optimizer` is "adam" or "sgd".  The models are `make`'s own and are trained here;
    random states are put back.

    Raises InspectError for fewer than two widths or a loss that is no number, PlanError as `plan` does.

    >>> check = coordinate_check(
    ...     lambda n: nn.Sequential(nn.Linear(8, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, 4)),
    ...     (32, 64), torch.randn(16, 8), seeds=(0,),
    ... )
    >>> sorted(check.layers)
    ['0', '2', '4']

    Source: Yang et al. 2022, arXiv 2203.03466, appendix D.1.
    """
    sizes = sorted(set(widths))
    if len(sizes) < 2:
        raise InspectError(f"a coordinate check compares two widths or more, got {list(widths)}")
    kind = optimizer_kind(optimizer)
    smallest = sizes[0] if base is None else base
    found: list[Movement] = []
    with torch.random.fork_rng():
        for seed in seeds:
            for width in sizes:
                torch.manual_seed(seed)
                model = plain_module(make(width))
                given = inputs(width) if callable(inputs) else inputs
                batch, asked = understood(model, given, loss)
                made = _started(model, make, smallest, batch, recipe, seed)
                groups = _groups(model, made, lr, kind)
                found += _watch(model, groups, batch, asked, kind, steps, width, seed)
    named = "as built" if recipe is None else recipe
    return CoordinateCheck(tuple(found), named, kind, lr, steps)


def _started(
    model: nn.Module, make: Make, base: int, batch: Any, recipe: str | None, seed: int
) -> Plan | None:
    """Starts the model; its plan (None: as built)."""
    if recipe is None:
        return None
    options: dict[str, Any] = {"base": make(base)} if recipe in WIDTH_RECIPES else {}
    found = plan(model, batch, recipe=recipe, **options)
    apply_(model, found, seed=seed)
    return found


def _groups(model: nn.Module, found: Plan | None, lr: float, kind: str) -> list[dict[str, Any]]:
    if found is None:
        return [{"params": [p for p in model.parameters() if p.requires_grad], "lr": lr}]
    return found.param_groups(lr, kind, model=None)


def _watch(
    model: nn.Module,
    groups: list[dict[str, Any]],
    batch: Any,
    loss: Callable[[Any], Tensor] | None,
    kind: str,
    steps: int,
    width: int,
    seed: int,
) -> list[Movement]:
    """Train for a few steps on one batch; the movement of every layer after each of them."""
    stepper = torch.optim.Adam(groups) if kind == "adam" else torch.optim.SGD(groups)
    positional, named = arguments_of(batch)
    start: dict[str, Tensor] = {}
    found: list[Movement] = []
    for step in range(steps + 1):
        outputs: dict[str, Tensor] = {}
        handles = _listen(model, outputs)
        try:
            value = _loss(applied(model, positional, named), loss, seed)
        finally:
            for handle in handles:
                handle.remove()
        start = start or outputs
        found += [
            Movement(width, seed, step, path, _rms(now), _rms(now - start[path]))
            for path, now in outputs.items()
            if path in start and now.shape == start[path].shape
        ]
        stepper.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        stepper.step()
    return found


def _listen(model: nn.Module, outputs: dict[str, Tensor]) -> list[Any]:
    """Hooks that keep the output of every module with parameters of its own."""

    def hook(path: str) -> Callable[..., None]:
        def keep(module: nn.Module, arguments: Any, output: Any) -> None:
            first = next(iter(output.values())) if isinstance(output, Mapping) else output
            first = first[0] if isinstance(first, tuple | list) and first else first
            if isinstance(first, Tensor) and first.is_floating_point():
                outputs[path] = first.detach().clone()

        return keep

    return [
        module.register_forward_hook(hook(stable_path(path) or "model"))
        for path, module in model.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]


def _loss(output: Any, loss: Callable[[Any], Tensor] | None, seed: int) -> Tensor:
    if loss is not None:
        value = loss(output)
    elif isinstance(getattr(output, "loss", None), Tensor):
        value = output.loss
    else:
        value = _to_random_targets(output, seed)
    if not isinstance(value, Tensor) or value.dim() or not math.isfinite(float(value.detach())):
        raise InspectError(f"the loss must be one finite number, got {value!r}")
    return value


def _to_random_targets(output: Any, seed: int) -> Tensor:
    first = getattr(output, "logits", output)
    if not isinstance(first, Tensor):
        raise InspectError(f"give coordinate_check loss=: the output is a {type(output).__name__}")
    chosen = torch.Generator().manual_seed(seed)
    targets = torch.randn(first.shape, generator=chosen, dtype=first.dtype).to(first.device)
    return (first - targets).square().mean()


def _rms(values: Tensor) -> float:
    return float(values.double().square().mean().sqrt())
