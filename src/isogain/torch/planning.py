"""`plan`: one forward pass is watched, then every parameter gets its law; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from isogain.errors import InspectError
from isogain.graph import Graph, ParameterUse
from isogain.graph.needs import needs
from isogain.graph.plan import Entry, Plan, PlanError
from isogain.graph.rules import decide
from isogain.graph.rules.registry import DEFAULT, Decision, rules_of
from isogain.graph.scene import Own, Scene, Site
from isogain.torch.guard import Untouched
from isogain.torch.inspection import _arguments, _batch, _called, _eager, _plain
from isogain.torch.materialize import stable_path
from isogain.torch.sampling import spread
from isogain.torch.tape import Tape, TapeActivations
from isogain.torch.tensors import tensors_in

__all__ = ["own_values", "plan", "plan_of"]

Tensor = torch.Tensor


def plan(
    model: nn.Module, inputs: Any = None, *, exclude: str | Sequence[str] = (), recipe: str = DEFAULT
) -> Plan:
    """The Plan of a model: for every parameter an initializer, its fans, role, reason and predicted gain.

    One forward pass is watched in the model's present mode and undone; nothing is written, and a model on
    the meta device stays there.  `inputs` is a tensor, a tuple of positional or a mapping of keyword
    arguments.  Frozen parameters and those whose path fits `exclude` keep what they have, and so does
    every parameter that no rule knows, with the reason.

    Raises PlanError for an unknown recipe or pattern, InspectError when the model raises.

    >>> print(plan(nn.Linear(4, 2), torch.randn(8, 4))["weight"].role)
    head
    """
    rules_of(recipe)
    model = _plain(model)
    tape = record(model, inputs)
    return plan_of(tape, tape.graph(tape.returned), exclude=exclude, recipe=recipe)


def record(model: nn.Module, inputs: Any) -> Tape:
    """One forward pass on a Tape, without measuring; on the meta device if the model is there."""
    on_meta = any(parameter.is_meta for parameter in model.parameters())
    positional, named = _arguments(inputs)
    if on_meta:
        positional, named = pytree.tree_map_only(Tensor, lambda t: t.to("meta"), (positional, named))
    with Untouched(model) as guard, _eager(), torch.no_grad():
        tape = Tape(model, guard, _batch(positional, named), measure=False)
        tape.mark_inputs((positional, named))
        with tape.scopes(), tape:
            output = _called(lambda: model(*positional, **named), "the model raised in forward")
        indices = (tape.value(tensor).node for tensor in tensors_in(output))
        tape.returned = tuple(dict.fromkeys(i for i in indices if i is not None))
    return tape


def plan_of(tape: Tape, graph: Graph, *, exclude: str | Sequence[str] = (), recipe: str = DEFAULT) -> Plan:
    """The plan of a recorded model."""
    patterns = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    scene = Scene(graph, TapeActivations(tape), own_values(tape))
    _check_patterns(patterns, scene)
    entries = [_entry(scene, use, patterns, recipe) for use in graph.parameters]
    notes = [*scene.notes, *(f"not followed: {one}" for one in dict.fromkeys(tape.meter.unmeasured))]
    return Plan(type(tape.model).__name__, entries, recipe=recipe, notes=notes, needed=needs(scene))


def _check_patterns(patterns: tuple[str, ...], scene: Scene) -> None:
    names = [name for use in scene.graph.parameters for name in (use.name, *use.aliases)]
    lost = [one for one in patterns if not any(fnmatchcase(name, one) for name in names)]
    if lost:
        raise PlanError(f"exclude: no parameter fits {', '.join(map(repr, lost))}")


def own_values(tape: Tape) -> dict[str, Own]:
    """What is known of the parameters' own values; nothing of those on the meta device."""
    found = {}
    with torch.no_grad():
        for name, parameter in tape.parameters.items():
            if parameter.is_meta or parameter.numel() == 0:
                continue
            values = spread(parameter)
            rms = float(torch.linalg.vector_norm(values.double())) / max(values.numel(), 1) ** 0.5
            found[name] = Own(rms, bool((values == values[0]).all()))
    return found


def _entry(scene: Scene, use: ParameterUse, patterns: tuple[str, ...], recipe: str) -> Entry:
    nodes = tuple(scene.graph.nodes[one] for one in use.nodes)
    site = Site(scene, use, nodes)
    decision = _protected(use, patterns) or decide(site, recipe)
    weight = site.use
    as_used = weight is not None and weight.shape == use.shape
    flipped = weight is not None and not as_used and weight.shape == use.shape[::-1]
    layout = decision.layout or ("*" if weight is None else weight.layout)
    if decision.layout is None and flipped and weight is not None:
        layout = " ".join(reversed(weight.layout.split()))
    stride = 1 if weight is None else weight.stride[0] if len(weight.stride) == 1 else weight.stride
    return Entry(
        stable_path(use.name), use.shape, decision.initializer, decision.role or site.role, decision.reason,
        layout, 1 if weight is None else weight.groups, stride, weight is not None and weight.transposed,
        decision.gain, decision.signal, decision.steady, tuple(map(stable_path, use.aliases)),
    )  # fmt: skip


def _protected(use: ParameterUse, patterns: tuple[str, ...]) -> Decision | None:
    if not use.trainable:
        return Decision(None, "frozen: requires_grad is False")
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in (use.name, *use.aliases)):
            return Decision(None, f"excluded by {pattern!r}")
    return None
