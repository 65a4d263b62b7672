"""`plan`: one forward pass is watched, then every parameter gets its law; nothing is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from isogain.core.initializers import Zeros
from isogain.errors import IsogainError
from isogain.graph import Graph, ParameterUse, WeightUse
from isogain.graph.entry import Entry, PlanError
from isogain.graph.needs import needs
from isogain.graph.operands import operands
from isogain.graph.packing import Packing
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.graph.rates import rates_of_stack
from isogain.graph.recipes import check_options, notes_of, rates_of
from isogain.graph.recipes.typed import RecipeName
from isogain.graph.rules import decide
from isogain.graph.rules.merging import merged
from isogain.graph.rules.registry import DEFAULT, Decision, rules_of
from isogain.graph.scene import Own, Scene, Site
from isogain.graph.unpack import Unpacked, unpacked
from isogain.torch.call.calling import arguments_of
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.draw.shards import is_dtensor
from isogain.torch.draw.targets import Target, public_path, targets
from isogain.torch.measure.sampling import Numbers, spread
from isogain.torch.record.gathering import gathered
from isogain.torch.record.gauge import gauge
from isogain.torch.record.guessing import guessed
from isogain.torch.record.replay import TapeActivations
from isogain.torch.record.tape import Tape
from isogain.torch.start.copies import kept_alike
from isogain.torch.start.rates import parameters_of, shapes_of_base
from isogain.torch.start.unseen import unseen_layers

__all__ = ["plan", "plan_of", "planned"]

Tensor = torch.Tensor
OFTEN = 3
"""Uses from which on a weight belongs to steps or places, and the first is not what it is calibrated by."""


def plan(
    model: nn.Module,
    inputs: Any = None,
    *,
    exclude: str | Sequence[str] = (),
    recipe: RecipeName | str = DEFAULT,
    **options: Any,
) -> Plan:
    """The Plan of a model: for every parameter an initializer, its fans, role, reason and predicted gain.

    One forward pass is watched in the model's present mode and undone; nothing is written, and a model on
    the meta device stays there.  `inputs` are those of `inspect`; without, they are guessed from the first
    layer, and run without memory, and if that fails every module is looked at by itself (`plan.notes` says
    so).  Frozen parameters and those whose path fits `exclude` keep what they have, and so does every
    parameter that no rule knows, with the reason.

    `recipe` names the start of a whole architecture ("gpt2", "t5", "deepnorm", "fixup", "mup", ...: see
    docs/recipes.md), which goes before the default rules; `options` are its own: base= for mup, completep and
    spectral (the width, or a model of it, at which the learning rate was tuned), base_depth= for completep.
    Where it prescribes learning rates, `plan.param_groups(lr, optimizer)` gives them.

    Raises PlanError for an unknown recipe, option or pattern, InspectError when the model raises.

    >>> print(plan(nn.Linear(4, 2), torch.randn(8, 4))["weight"].role)
    head
    """
    rules_of(recipe)
    check_options(recipe, options)
    model = plain_module(model)
    with gathered(model):
        if inputs is None:
            tape, notes = guessed(model)
        else:
            given, _ = understood(model, inputs)
            tape, notes = gauge(model, *arguments_of(given), back=False), ()
        found = plan_of(
            tape, tape.graph(tape.returned), exclude=exclude, recipe=recipe, notes=notes,
            options=shapes_of_base(options),
        )  # fmt: skip
    return found.bind(parameters_of(model))


def plan_of(tape: Tape, graph: Graph, **choices: Any) -> Plan:
    """The plan of a recorded model."""
    return planned(tape, graph, **choices)[0]


def planned(
    tape: Tape, graph: Graph, *, exclude: str | Sequence[str] = (), recipe: str = DEFAULT,
    notes: Sequence[str] = (), options: Mapping[str, Any] | None = None,
) -> tuple[Plan, Scene]:  # fmt: skip
    """The plan of a recorded model, and the scene that it was made from."""
    patterns = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    _check_patterns(patterns, graph)
    parts, found = unpacked(graph), targets(tape.model)
    scene = Scene(
        parts.graph, TapeActivations(tape), OwnValues(tape.model), shifted=frozenset(tape.shifted),
        fixed=frozenset(_fixed(found, graph, patterns, parts)), options=options or {},
        gates=tape.gates, shifts=tape.shifts, makers=frozenset(tape.makers),
    )  # fmt: skip
    entries = _entries(tape.model, found, graph, scene, parts, patterns, recipe)
    entries = kept_alike(entries, found, scene)
    lost = (f"not followed: {one}" for one in dict.fromkeys(tape.meter.unmeasured))
    said = [*notes, *notes_of(recipe, scene), *scene.notes, *lost, *unseen_layers(tape.model, graph)]
    rates = rates_of_stack(scene) if recipe == DEFAULT else ()
    made = Plan(
        type(tape.model).__name__, entries, recipe=recipe, notes=said, needed=needs(scene), rates=rates
    )
    return made, scene


def _fixed(
    found: Mapping[str, Target], graph: Graph, patterns: tuple[str, ...], parts: Unpacked
) -> Iterator[str]:
    """Parameters that no rule will write, and the parts of them."""
    bound = _bound(found, graph)
    for use in graph.parameters:
        target = found[stable_path(public_path(use.name))]
        if _protected([use], patterns) or target.fixed or use.name in bound:
            yield use.name
            yield from parts.packings[use.name].names if use.name in parts.packings else ()


def _bound(found: Mapping[str, Target], graph: Graph) -> frozenset[str]:
    """Plain parameters that an operation reads standardised, normalised or through a function."""
    uses = (node.weight for node in graph.nodes if node.weight is not None and node.weight.bound)
    return frozenset(use.name for use in uses if found[stable_path(public_path(use.name))].set is None)


def _check_patterns(patterns: tuple[str, ...], graph: Graph) -> None:
    uses = [name for use in graph.parameters for name in (use.name, *use.aliases)]
    names = [*uses, *map(public_path, uses)]
    lost = [one for one in patterns if not any(fnmatchcase(name, one) for name in names)]
    if lost:
        raise PlanError(f"exclude: no parameter fits {', '.join(map(repr, lost))}")


class OwnValues(Mapping[str, Own]):
    """What is known of the parameters' own values, read when a rule asks; nothing of meta ones."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = {
            name: parameter
            for name, parameter in model.named_parameters()
            if not parameter.is_meta and parameter.numel() > 0 and not is_dtensor(parameter)
        }
        self._found: dict[str, Own] = {}

    def __getitem__(self, name: str) -> Own:
        if name not in self._found:
            values = Numbers(spread(self._parameters[name]))
            self._found[name] = Own(values.rms, values.constant, values.mean, values.count)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


def _entries(
    model: nn.Module, found: Mapping[str, Target], graph: Graph, scene: Scene, parts: Unpacked,
    patterns: tuple[str, ...], recipe: str,
) -> list[Entry]:  # fmt: skip
    """One entry for every target; of several parameters behind one, that which carries the weight decides."""
    groups: dict[str, list[ParameterUse]] = {}
    for use in graph.parameters:
        groups.setdefault(stable_path(public_path(use.name)), []).append(use)
    bound = _bound(found, graph)
    declared: Mapping[str, Mapping[str, Any]] = getattr(model, "isogain_geometry", {})
    return [
        _entry(scene, parts, found[path], uses, _refusal(uses, patterns, found[path], bound), recipe,
               declared.get(path, {}))
        for path, uses in groups.items()
    ]  # fmt: skip


def _refusal(
    uses: list[ParameterUse], patterns: tuple[str, ...], target: Target, bound: frozenset[str]
) -> Decision | None:
    if target.fixed:
        return Decision(None, target.fixed)
    if found := _protected(uses, patterns):
        return found
    if any(use.name in bound for use in uses):
        return Decision(None, "the operation reads what is computed from it, not it: it keeps what it has")
    return None


def _entry(
    scene: Scene, parts: Unpacked, target: Target, uses: list[ParameterUse], refusal: Decision | None,
    recipe: str, declared: Mapping[str, Any],
) -> Entry:  # fmt: skip
    """`declared` is the geometry a wrapper of another framework's layers gives for what it permutes."""
    use = max(uses, key=lambda one: (one.name in parts.packings, len(scene.uses_of(one.name))))
    packing = None if declared else parts.packings.get(use.name)
    sites = [
        _site(scene, name)
        for name in (parts.packings[use.name].names if use.name in parts.packings else [use.name])
    ]
    shape, weight = tuple(target.like.shape), sites[0].use
    geometry = _geometry(weight, declared)
    decision = refusal or _decided(sites, packing, shape, geometry, recipe)
    if use.name in parts.untold and decision.initializer is not None:
        decision = replace(decision, reason=f"{decision.reason}; {parts.untold[use.name]}")
    layout = (
        decision.layout or declared.get("layout") or (packing.layout if packing else _layout(weight, shape))
    )
    if layout is None:
        decision = Decision(None, "used in another shape than its own: it keeps what it has")
        layout = "*"
    if isinstance(decision.initializer, Zeros) and not target.may_be_zero():
        decision = Decision(None, "its norm is divided out, so it cannot start at 0: it keeps what it has")
    decision = _fitting(decision, shape, declared.get("layout", layout), geometry)
    return Entry(
        target.path, shape, decision.initializer, decision.role or sites[0].role, decision.reason,
        declared.get("layout", layout), geometry["groups"], geometry["stride"], geometry["transposed"],
        decision.gain, math.nan if _repeated(scene, weight) else decision.signal, decision.steady,
        tuple(stable_path(alias) for one in uses for alias in one.aliases),
        tuple(one.name for one in uses) if target.set is not None else (),
        rates_of(recipe, sites[0], decision), _multiple(weight, target), packing=packing,
    )  # fmt: skip


def _repeated(scene: Scene, weight: WeightUse | None) -> bool:
    """Whether a weight is applied so often that the size of its first results says little of the others."""
    return weight is not None and len(scene.uses_of(weight.name)) >= OFTEN


def _multiple(weight: WeightUse | None, target: Target) -> float:
    """The constant on a plain parameter; a parametrization's own is seen to by its right inverse."""
    return weight.multiple if weight is not None and target.set is None and weight.multiple else 1.0


def _fitting(
    decision: Decision, shape: tuple[int, ...], layout: str, geometry: Mapping[str, Any]
) -> Decision:
    """The decision, unless its law cannot be drawn for a parameter whose axes are read so."""
    try:
        if decision.initializer is not None and 0 not in shape:
            decision.initializer.law(shape, layout=decision.layout or layout, **geometry)
    except IsogainError:
        return Decision(None, f"axes read as {layout!r} give its law no fans: it keeps what it has")
    return decision


def _site(scene: Scene, name: str) -> Site:
    use = scene.graph.by_parameter[name]
    return Site(scene, use, tuple(scene.graph.nodes[one] for one in use.nodes))


def _geometry(weight: WeightUse | None, declared: Mapping[str, Any]) -> dict[str, Any]:
    """How an operation reads the weight, besides its layout."""
    stride = 1 if weight is None else weight.stride[0] if len(weight.stride) == 1 else weight.stride
    found = {
        "groups": 1 if weight is None else weight.groups, "stride": stride,
        "transposed": weight is not None and weight.transposed,
    }  # fmt: skip
    return {**found, **{name: value for name, value in declared.items() if name in found}}


def _decided(
    sites: list[Site],
    packing: Packing | None,
    shape: tuple[int, ...],
    geometry: Mapping[str, Any],
    recipe: str,
) -> Decision:
    """What the rules say of a weight, or of each of the maps in it."""
    decisions = [decide(site, recipe) for site in sites]
    if packing is None:
        return decisions[0]
    return merged(decisions, _names(sites), packing, shape, geometry)


def _names(sites: list[Site]) -> list[str]:
    """What each part of a packed weight is called."""
    made = [operands(site.scene, site.node.index)[0] if site.node else frozenset[str]() for site in sites]
    found = [next(iter(one)) if len(one) == 1 else f"part {k + 1}" for k, one in enumerate(made)]
    return [name if found.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(found)]


def _layout(weight: WeightUse | None, shape: tuple[int, ...]) -> str | None:
    """The layout of the parameter itself: as used, transposed, or a stack of what was used."""
    if weight is None:
        return "*"
    if weight.own:
        return " ".join(word for k, word in enumerate(weight.own) if word != "*" or "*" not in weight.own[:k])
    words = weight.layout.split()
    if weight.shape == shape:
        return weight.layout
    if len(shape) == 2 and weight.shape == shape[::-1]:
        return " ".join(reversed(words))
    if "*" in words or len(shape) != len(weight.shape) + 1:
        return None
    if shape[1:] == weight.shape:
        return " ".join(["stack", *words])
    if shape[1:] == weight.shape[::-1]:
        return " ".join(["stack", *reversed(words)])
    return None


def _protected(uses: list[ParameterUse], patterns: tuple[str, ...]) -> Decision | None:
    if not any(use.trainable for use in uses):
        return Decision(None, "frozen: requires_grad is False")
    if not patterns:
        return None
    names = {name for use in uses for one in (use.name, *use.aliases) for name in (one, public_path(one))}
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names):
            return Decision(None, f"excluded by {pattern!r}")
    return None
