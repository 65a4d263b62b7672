"""`plan`: one forward pass is watched, then every parameter gets its law; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from isogain.graph import Graph, ParameterUse
from isogain.graph.deciding import Held, check_patterns, entry_of, protected
from isogain.graph.entry import Entry
from isogain.graph.needs import needs
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.graph.rates import rates_of_stack
from isogain.graph.recipes import check_options, notes_of
from isogain.graph.recipes.typed import RecipeName
from isogain.graph.rules.registry import DEFAULT, Decision, rules_of
from isogain.graph.scene import Own, Scene
from isogain.graph.unpack import Unpacked, unpacked
from isogain.torch.call.calling import arguments_of
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.draw.shards import is_dtensor
from isogain.torch.draw.targets import Target, public_path, targets
from isogain.torch.measure.numbers import lies_here, sample_here
from isogain.torch.measure.powers import isometric
from isogain.torch.measure.sampling import Numbers, spread
from isogain.torch.record.gathering import gathered, unrounded
from isogain.torch.record.gauge import gauge
from isogain.torch.record.guessing import guessed
from isogain.torch.record.replay import TapeActivations
from isogain.torch.record.tape import Tape
from isogain.torch.start.copies import kept_alike
from isogain.torch.start.rates import parameters_of, shapes_of_base
from isogain.torch.start.unseen import unseen_layers

__all__ = ["plan", "plan_of", "planned"]

Tensor = torch.Tensor


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
    check_patterns(patterns, [*uses, *map(public_path, uses)])


class OwnValues(Mapping[str, Own]):
    """What is known of the parameters' own values, read when a rule asks; nothing of meta ones."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = {
            name: parameter
            for name, parameter in model.named_parameters()
            if not parameter.is_meta and parameter.numel() > 0 and not is_dtensor(parameter)
        }
        self._found = {name: self._own(name, value) for name, value in unrounded(model)}

    def __getitem__(self, name: str) -> Own:
        if name not in self._found:
            self._found[name] = self._own(name, self._parameters[name])
        return self._found[name]

    def _own(self, name: str, value: Tensor) -> Own:
        turns = partial(isometric, self._parameters[name].detach())
        if lies_here(plain := value.detach()):
            here = sample_here(plain)
            return Own(here.rms, here.low == here.high, here.mean, here.elements, turns)
        values = Numbers(spread(value))
        return Own(values.rms, values.constant, values.mean, values.count, turns)

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
    held = Held(target.path, tuple(target.like.shape), target.may_be_zero, target.set is not None, declared)
    return entry_of(scene, parts, held, uses, refusal, recipe)


def _protected(uses: list[ParameterUse], patterns: tuple[str, ...]) -> Decision | None:
    names = {name for use in uses for one in (use.name, *use.aliases) for name in (one, public_path(one))}
    return protected(uses, sorted(names), patterns)
