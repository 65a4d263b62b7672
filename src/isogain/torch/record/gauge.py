"""A Tape that reads two numbers off every operation with a weight: the sizes of output and gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.errors import InspectError
from isogain.graph.entry import PlanError
from isogain.torch.call.calling import (
    PROJECTION,
    applied,
    batch_of,
    called,
    check_call,
    differentiated,
    eager,
    loss_of,
)  # fmt: skip
from isogain.torch.call.guard import Untouched
from isogain.torch.call.processes import ALONE, Processes
from isogain.torch.call.tensors import Value, reads, tensors_in
from isogain.torch.draw.shards import is_dtensor
from isogain.torch.measure.sizes import MEASURED, Sizes
from isogain.torch.measure.units import Units
from isogain.torch.record.gathering import gathered
from isogain.torch.record.tape import Tape

__all__ = ["Gauge", "Loss", "Step", "check_sharding", "gauge", "watched"]

Tensor = torch.Tensor
Loss = Callable[[Any], Tensor]


class Step(NamedTuple):
    """One operation of a pass: its name, and the node that it became, if any."""

    name: str
    node: int | None


class Gauge(Tape, Sizes):
    """Root mean squares by node, and the operations one after another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Tape.__init__(self, *args, **kwargs)
        Sizes.__init__(self)
        self.steps: list[Step] = []
        self.direct: set[str] = set()
        """Parameters whose own memory an operation read as its weight."""

    def _run(self, name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        place, before = len(self.steps), len(self.nodes)
        self.steps.append(Step(name, None))
        result = super()._run(name, func, args, kwargs)
        if len(self.nodes) > before:
            self.steps[place] = Step(name, before)
        return result

    def _content(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any],
        sources: list[tuple[Tensor, Value]], result: Any, units: Units | None,
    ) -> None:  # fmt: skip
        before = len(self.nodes)
        super()._content(name, args, kwargs, sources, result, units)
        node = self.nodes[-1] if len(self.nodes) > before else None
        if node is None or node.kind not in MEASURED:
            return
        self.see(node.index, result, first=self.is_first(node.index))
        if node.weight is not None and reads([t for t, _ in sources], self.parameters[node.weight.name]):
            self.direct.add(node.weight.name)

    def is_first(self, index: int) -> bool:
        """Whether nothing learnt comes before a node."""
        return not any(self.nodes[one].learnt for one in self.nodes[index].inputs)

    def finish(self, output: Any) -> bool:
        """Takes note of what the model returned."""
        indices = (self.value(tensor).node for tensor in tensors_in(output))
        self.returned = tuple(dict.fromkeys(one for one in indices if one is not None))
        return True


class Watcher(Protocol):
    """What a pass may be watched by: a function mode that measures sizes."""

    firsts: list[Tensor]
    loss: float
    judged: bool
    finite: bool

    def mark_inputs(self, inputs: Any) -> None:
        """Called with the inputs before the pass."""

    def scopes(self) -> AbstractContextManager[Any]:
        """Entered around the pass."""

    def finish(self, output: Any) -> bool:
        """Called with what the model returned; whether to go back from there."""

    def meet(self, processes: Processes) -> None:
        """Called at the end where others ran batches of their own."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: Any) -> Any: ...


W = TypeVar("W", bound=Watcher)


def gauge(
    model: nn.Module, positional: Any, named: Any, loss: Loss | None = None, *, back: bool,
    processes: Processes = ALONE,
) -> Gauge:  # fmt: skip
    """One forward pass, and if `back` one backward pass, recorded; the model is as before afterwards."""
    make = partial(Gauge, model, measure=False)
    return watched(model, positional, named, loss, back=back, make=make, processes=processes)


def watched(
    model: nn.Module, positional: Any, named: Any, loss: Loss | None, *, back: bool,
    make: Callable[[Untouched, int], W], processes: Processes = ALONE,
) -> W:  # fmt: skip
    """The same by any watcher, which `make` makes of the guard and the size of the batch.

    A sharded model is gathered for it, and other processes' batches are taken into account.
    """
    with gathered(model):
        found = processes.agreed(partial(_watched, model, positional, named, loss, back, make))
    if processes.groups:
        found.meet(processes)
    return found


def _watched(
    model: nn.Module, positional: Any, named: Any, loss: Loss | None, back: bool,
    make: Callable[[Untouched, int], W],
) -> W:  # fmt: skip
    parameters = dict(model.named_parameters())
    check_sharding(parameters)
    check_call(parameters, loss)
    if any(parameter.is_meta for parameter in parameters.values()):
        positional, named = pytree.tree_map_only(Tensor, lambda t: t.to("meta"), (positional, named))
        back = False
    once = partial(_pass, model, positional, named, loss, back, make)
    if back:
        return once(torch.enable_grad())
    try:
        return once(torch.no_grad())
    except InspectError:  # it may differentiate on its way, as energies and differential equations ask for
        return once(torch.enable_grad())


def _pass(
    model: nn.Module, positional: Any, named: Any, loss: Loss | None, back: bool,
    make: Callable[[Untouched, int], W], mode: AbstractContextManager[Any],
) -> W:  # fmt: skip
    positional, named = pytree.tree_map_only(Tensor, _own_copy, (positional, named))
    with Untouched(model) as guard, eager(), mode:
        torch.manual_seed(0)  # dropout and its like do the same in every start; the guard puts the state back
        found = make(guard, batch_of(positional, named))
        found.mark_inputs((positional, named))
        with found.scopes(), found:
            output = applied(model, positional, named)
        found.finite = all(bool(one.isfinite().all()) for one in tensors_in(output) if not one.is_meta)
        if found.finish(output):
            _judge(found, output, loss, back)
    return found


def check_sharding(parameters: dict[str, nn.Parameter]) -> None:
    """Refuses shards without memory: there is nothing to gather."""
    sharded = [name for name, parameter in parameters.items() if is_dtensor(parameter)]
    if sharded:
        raise PlanError(
            f"{sharded[0]} and {len(sharded) - 1} more parameters are shards on the meta device, which no "
            "pass can gather: plan before sharding, then apply_(model, plan, seed)"
        )


def _own_copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _judge(found: Watcher, output: Any, loss: Loss | None, back: bool) -> None:
    """The loss, and the way back from it; without that the loss is no part of the record."""
    value, source = loss_of(found if back else nullcontext(), output, loss)
    found.judged = source != PROJECTION
    if value is None or value.is_meta:
        return
    found.loss = float(value.detach())
    leaves, found.firsts = found.firsts, []
    if back and value.requires_grad and leaves:
        called(lambda: differentiated(value, leaves), "the backward pass raised")
