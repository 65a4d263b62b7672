"""`inspect`: one forward and one backward pass, watched; then everything is put back, and judged."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain._version import __version__
from isogain.errors import InspectError
from isogain.inspect import Report, judge
from isogain.inspect.looks import Offset
from isogain.inspect.signals import Jacobian
from isogain.inspect.table import Coverage, LossUse, ParameterState, Table
from isogain.torch.call.calling import (
    OWN,
    PROJECTION,
    applied,
    arguments_of,
    batch_of,
    called,
    check_call,
    differentiated,
    eager,
    is_reentrant,
    loss_of,
    own_loss,
)
from isogain.torch.call.explaining import shapes_of
from isogain.torch.call.guard import Untouched
from isogain.torch.call.inputs import INPUTS, plain_module, understood
from isogain.torch.call.losses import Loss, LossLike
from isogain.torch.call.processes import Processes, processes_of
from isogain.torch.call.tensors import dense, tensors_in
from isogain.torch.inspection.closer import closer_states
from isogain.torch.inspection.company import company
from isogain.torch.inspection.gaps import gaps
from isogain.torch.inspection.given import count_steps, differ_early, input_distance
from isogain.torch.inspection.inner import Inner, inner_loss
from isogain.torch.inspection.jacobian import measure_jacobian
from isogain.torch.inspection.masks import with_inverted
from isogain.torch.inspection.merging import together
from isogain.torch.inspection.priors import BINARY, CHEAP, prior_use, pulled, zero_use
from isogain.torch.inspection.raised import raised_uses
from isogain.torch.inspection.shifts import offset_of
from isogain.torch.measure.buffers import buffer_states
from isogain.torch.measure.measures import ROWS
from isogain.torch.measure.parameters import Asked, parameter_states
from isogain.torch.record.broken import first_broken
from isogain.torch.record.capture import Recorder
from isogain.torch.record.gathering import gathered, is_parallel
from isogain.torch.record.guessing import likely
from isogain.torch.record.weights import unit_axis

__all__ = ["inspect", "measure"]

Tensor = torch.Tensor


Level = Literal["default", "full"]


def inspect(
    model: nn.Module, inputs: Any, loss: LossLike | None = None, *, level: Level = "default"
) -> Report:
    """A Report on the model as it stands: verdict, findings with cause and fix, layers, coverage.

    One forward and one backward pass in the model's present mode; parameters, buffers, gradients, flags,
    hooks and random states are as before afterwards, also when the model raises.  `inputs` is a tensor, a
    tuple of positional or a mapping of keyword arguments; `loss` takes the output.  Without it the
    output's `.loss` is used where there is one, else a random projection of the output.

    `level="full"` also measures the Jacobian of the outputs by the inputs (||J||_F^2 by random
    vector-Jacobian products, its largest singular value by power iteration) and takes ranks from 256
    observations instead of 32; it costs some tens of backward passes.

    Raises InspectError when the model or the loss raises, naming what it said.

    >>> report = inspect(model, torch.randn(32, 784))  # doctest: +SKIP
    >>> report.verdict  # doctest: +SKIP
    'healthy'
    """
    return judge(measure(model, inputs, loss, level=level))


def measure(
    model: nn.Module, inputs: Any, loss: LossLike | None = None, *, level: Level = "default"
) -> Table:
    """The Table of everything measured on one forward and one backward pass; changes nothing."""
    model, processes = plain_module(model), processes_of(model)
    if level not in ROWS:
        raise InspectError(f"level must be one of {', '.join(map(repr, ROWS))}, got {level!r}")
    check_call(dict(model.named_parameters()), loss)
    unready = _unready(model)
    if unready:
        return _not_run(model, unready)
    if inputs is None:
        kind, shape = likely(model) or ("", ())
        example = {"f32": f", as torch.randn{shape}", "i64": f", as torch.randint(10, {shape})"}.get(kind, "")
        raise InspectError(f"inspect needs a batch{example}; {INPUTS}")
    inputs, asked = understood(model, inputs, loss)
    positional, named = arguments_of(inputs)
    parallel = is_parallel(model)
    with gathered(model):
        table = together(_looked(model, positional, named, asked, level, processes), processes)
    return _without_parallelism(table) if parallel else table


def _without_parallelism(table: Table) -> Table:
    skipped = "how tensor parallelism spreads signals: its layers were looked at whole"
    return replace(table, coverage=replace(table.coverage, skipped=(*table.coverage.skipped, skipped)))


def _looked(
    model: nn.Module, positional: Any, named: Any, loss: Loss | None, level: Level, processes: Processes
) -> Table:
    with Untouched(model) as guard, eager():
        recorder = Recorder(model, guard, batch_of(positional, named), level=level)
        try:
            return _passes(recorder, positional, named, loss, processes)
        finally:
            for handle in recorder.meter.handles:
                handle.remove()


def _unready(model: nn.Module) -> list[str]:
    held = (*model.named_parameters(), *model.named_buffers())
    return [name for name, tensor in held if tensor.is_meta]


def _not_run(model: nn.Module, unready: list[str]) -> Table:
    """A Table of a model that cannot run: its parameters have no storage."""
    recorder = Recorder(model, Untouched(model), 0)
    states = parameter_states([Asked(name, p, None) for name, p in recorder.parameters.items()])
    count = sum(p.numel() for p in recorder.parameters.values())
    reason = (
        f"every measurement: {len(unready)} parameters or buffers are on the meta device and have no values"
    )
    coverage = Coverage(count, 0, 0, 0, skipped=(reason,))
    return Table(
        recorder.graph(()),
        {},
        {},
        states,
        coverage=coverage,
        settings=_settings(model),
        buffers=buffer_states(model),
    )


class Passed(NamedTuple):
    """What one process saw there and back."""

    given: tuple[Any, dict[str, Any]]
    outputs: tuple[int, ...]
    loss_from: int
    loss_value: float
    source: str
    loss_node: int | None
    strangers: tuple[tuple[str, tuple[int, ...]], ...]
    jacobian: Jacobian | None
    gradients: dict[str, Tensor | None]
    uses: list[LossUse]
    skipped: list[str]
    offset: Offset | None


def _passes(
    recorder: Recorder, positional: tuple[Any, ...], named: dict[str, Any], loss: Loss | None,
    processes: Processes,
) -> Table:  # fmt: skip
    seen = processes.agreed(partial(_there_and_back, recorder, positional, named, loss, processes))
    gradients = _of_all(seen.gradients, recorder.parameters, processes)
    recorder.meter.losses += [pulled(one, gradients) for one in seen.uses]
    states = _states(recorder, gradients)
    forward, backward = recorder.meter.settle()
    end = (seen.loss_node, seen.loss_value)
    broken = first_broken(recorder, *seen.given, forward, loss, end)
    graph = recorder.graph(seen.outputs)
    distance = input_distance(seen.given)
    skipped = [*seen.skipped, *gaps(recorder.model, graph, recorder.meter.looks, distance)]
    settings = _settings(recorder.model) | {"inputs": shapes_of(seen.given)}
    return Table(
        graph, forward, backward, states, tuple(recorder.meter.losses),
        _coverage(recorder, states, skipped), seen.loss_value, seen.source, seen.loss_node,
        recorder.meter.batch, recorder.model.training,
        distance, settings, seen.jacobian, seen.loss_from, broken, recorder.random_choices > 0,
        with_inverted(recorder.meter.looks, seen.given), buffer_states(recorder.model),
        seen.strangers, recorder.strangers.maps(recorder.model), seen.offset,
        count_steps(seen.given), differ_early(seen.given),
    )  # fmt: skip


def _there_and_back(
    recorder: Recorder, positional: tuple[Any, ...], named: dict[str, Any], loss: Loss | None,
    processes: Processes,
) -> Passed:  # fmt: skip
    """Both passes of this process's batch; its loss counts as its part of the loss of all."""
    full = recorder.meter.level == "full"
    with torch.enable_grad():
        if full:
            positional, named = _differentiable(recorder, (positional, named))
        recorder.mark_inputs((positional, named))
        with recorder.scopes(), recorder:
            output = applied(recorder.model, positional, named)
        loss_from, strangers = len(recorder.nodes), recorder.strangers.named(recorder.model)
        value, source = loss_of(recorder, output, loss, processes.place)
        judged = source != PROJECTION
        outputs = tuple(dict.fromkeys(i for t in tensors_in(output) if (i := recorder.watch(t)) is not None))
        loss_value = math.nan if value is None else float(value.detach().float())
        skipped: list[str] = []
        jacobian = measure_jacobian(recorder.meter, output, skipped) if full else None
        loss_node = recorder.value(value).node if value is not None and judged else None
        part = value if value is None or processes.count == 1 else value * processes.part(judged)
        gradients = _gradients(recorder, part, skipped, processes)
        own = source == OWN or (value is not None and value is own_loss(output))  # lambda o: o.loss
        inside = own and processes.count == 1 and _asks_further(recorder, loss_value)
        inner = inner_loss(recorder, positional, named, loss_node) if inside else None
        uses, offset = _asked(recorder, inner or Inner(output, loss, loss_value, loss_from))
        if judged and processes.count == 1:
            uses += raised_uses(recorder, positional, named, loss, loss_value)
            recorder.meter.looks += company(recorder, positional, named, output)
    return Passed(
        (positional, named), outputs, loss_from, loss_value, source, loss_node, strangers, jacobian,
        gradients, uses, skipped, offset,
    )  # fmt: skip


def _asks_further(recorder: Recorder, value: float) -> bool:
    """Whether no loss was seen whose chance level is known, or one of yes or no that costs much."""
    return not recorder.meter.losses or (value > CHEAP and any(n.op in BINARY for n in recorder.nodes))


def _asked(recorder: Recorder, inner: Inner) -> tuple[list[LossUse], Offset | None]:
    """What a loss says of other answers than the model's."""
    answers, loss, value, start = inner
    prior = prior_use(recorder, loss, answers, value, start)
    own = zero_use(recorder, loss, answers, value) if prior is None else None
    known = prior is not None and prior.halved
    offset = None if known else offset_of(recorder, loss, answers, value)
    return [one for one in (prior, own) if one is not None], offset


def _of_all(
    gradients: dict[str, Tensor | None], parameters: Mapping[str, nn.Parameter], processes: Processes
) -> dict[str, Tensor | None]:
    """The gradients of the loss of all: those of the parts, summed up, of what any of them reached."""
    if not processes.groups:
        return gradients
    reached = set().union(*processes.all({name for name, one in gradients.items() if one is not None}))
    return gradients | {
        name: processes.sum_(dense(parameter.detach(), gradients.get(name)).contiguous())
        for name, parameter in parameters.items()
        if name in reached
    }


def _differentiable(recorder: Recorder, inputs: Any) -> Any:
    """The same inputs as copies of leaves: the Jacobian can be asked for though a model writes on them."""

    def leaf(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        recorder.meter.entries.append(tensor.detach().requires_grad_())
        return recorder.meter.entries[-1].clone()

    return pytree.tree_map_only(Tensor, leaf, inputs)


def _gradients(
    recorder: Recorder, value: Tensor | None, skipped: list[str], processes: Processes
) -> dict[str, Tensor | None]:
    trainable = {name: p for name, p in recorder.parameters.items() if p.requires_grad}
    if value is None or not value.requires_grad:
        skipped.append("gradients: nothing the model returns depends on a trainable parameter")
        return {}
    leaves = list(trainable.values())
    if is_reentrant(value):
        skipped.append(
            "gradients inside re-entrant checkpoints: those layers run again on the way back, unseen"
        )
    again = bool(recorder.meter.gates)
    if not leaves:
        skipped.append("gradients of parameters: none is trainable")
        return {}
    found = called(lambda: differentiated(value, leaves, again), "the backward pass raised")
    gradients = dict(zip(trainable, found, strict=True))
    _behind_gates(recorder, leaves, processes)
    return gradients


def _behind_gates(recorder: Recorder, leaves: Sequence[Tensor], processes: Processes) -> None:
    """Where a weight of zeros lets no gradient through, a random one is sent back from its input."""
    gates, recorder.meter.gates = recorder.meter.gates, {}
    if not gates:
        return
    _, backward = recorder.meter.settle()
    silent = {i for i, back in backward.items() if back.finite and back.largest == 0}
    starts = [t for i, t in gates.items() if recorder.value(t).node in silent]
    if not starts:
        return
    before = dict(backward)
    generator, part = torch.Generator().manual_seed(processes.place), processes.part(judged=False)
    seeds = [part * torch.randn(t.shape, generator=generator).to(t) / math.sqrt(t.numel()) for t in starts]
    torch.autograd.grad(starts, leaves, seeds, allow_unused=True)
    _, after = recorder.meter.settle()
    backward.update({i: replace(after[i], probe=True) if i in silent else back for i, back in before.items()})


def _states(recorder: Recorder, gradients: dict[str, Tensor | None]) -> dict[str, ParameterState]:
    uses = {node.weight.name: node.weight for node in recorder.nodes if node.weight is not None}
    asked = []
    for name, parameter in recorder.parameters.items():
        use = uses.get(name)
        shape = tuple(parameter.shape)
        table = use is None or math.prod(use.shape) > math.prod(shape)  # read as it is, or for each sample
        mapped = unit_axis(use, shape) if use and use.groups == 1 else None
        axis = _first_rows(shape) if table else mapped
        bias = recorder.parameters.get(use.bias) if use and use.bias else None
        asked.append(Asked(name, parameter, gradients.get(name), axis, bias, parameter.requires_grad, table))
    with torch.no_grad():
        states = parameter_states(asked)
        return closer_states(asked, states, recorder.nodes, recorder.meter.looks)


def _first_rows(shape: tuple[int, ...]) -> int | None:
    """Of a table that is no map (queries, slots) the axis of its rows; None for what has no rows."""
    several = [axis for axis, size in enumerate(shape) if size > 1]
    return several[0] if len(several) > 1 else None


def _coverage(recorder: Recorder, states: dict[str, ParameterState], skipped: list[str]) -> Coverage:
    """Counts elements of parameters that were followed: seen in use and measured there, or seen unused."""
    reached = {n for n, s in states.items() if s.gradient is not None}
    unfollowed = tuple(sorted(reached - recorder.used))
    sizes = {name: parameter.numel() for name, parameter in recorder.parameters.items()}
    missed = set(unfollowed)
    measured = set(recorder.meter.ledger.forward)
    for node in recorder.nodes:
        if node.weight is not None and node.index not in measured:
            missed.add(node.weight.name)
    total = sum(sizes.values())
    if all(use.kind == "own" for use in recorder.meter.losses):
        skipped.append("initial-loss: no loss function was seen; give loss= or labels")
    if recorder.meter.batch < 2:
        skipped.append("rank-collapse, constant-output: a batch of one cannot show them")
    if not recorder.model.training:
        skipped.append(
            "training mode: the model is in evaluation mode, so dropout and batch statistics are off"
        )
    return Coverage(
        total, total - sum(sizes[name] for name in missed), recorder.operations,
        _operations(recorder, measured),
        unfollowed, tuple(dict.fromkeys(recorder.meter.unmeasured)), tuple(skipped),
    )  # fmt: skip


def _operations(recorder: Recorder, measured: set[int]) -> int:
    return sum(recorder.nodes[index].kind != "input" for index in measured)


def _settings(model: nn.Module) -> dict[str, str]:
    parameters = list(model.parameters())
    devices = sorted({str(p.device) for p in parameters})
    dtypes = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    return {
        "model": type(model).__name__,
        "parameters": f"{sum(p.numel() for p in parameters):,}",
        "device": ", ".join(devices) or "none",
        "dtype": ", ".join(dtypes) or "none",
        "autocast": str(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else "off",
        "torch seed": f"{torch.initial_seed()}, the last one set",
        "mode": "training" if model.training else "evaluation",
        "isogain": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
