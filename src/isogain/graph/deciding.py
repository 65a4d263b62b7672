"""Entry by entry: what the rules decide of one parameter, and how its axes are read; no framework in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from isogain.core.initializers import Zeros
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError
from isogain.graph.entry import Entry, PlanError
from isogain.graph.nodes import ParameterUse, WeightUse
from isogain.graph.operands import operands
from isogain.graph.packing import Packing
from isogain.graph.paths import stable_path
from isogain.graph.recipes import rates_of
from isogain.graph.rules import decide
from isogain.graph.rules.merging import merged
from isogain.graph.rules.registry import Decision
from isogain.graph.scene import Scene, Site
from isogain.graph.unpack import Unpacked

__all__ = ["Held", "check_patterns", "entry_of", "protected"]

OFTEN = 3
"""Uses from which on a weight belongs to steps or places, and the first is not what it is calibrated by."""


@dataclass(frozen=True)
class Held:
    """One parameter as its framework holds it."""

    path: str
    shape: tuple[int, ...]
    may_be_zero: Callable[[], bool] = lambda: True
    """Asked only where zeros are decided, as it may try them."""
    through: bool = False
    """Whether it is written through a parametrization."""
    declared: Mapping[str, Any] = field(default_factory=dict)
    """The geometry a wrapper of another framework's layers gives for what it permutes."""


def entry_of(
    scene: Scene, parts: Unpacked, held: Held, uses: list[ParameterUse], refusal: Decision | None, recipe: str
) -> Entry:
    """The Entry of a parameter; of several behind one, that which carries the weight decides."""
    use = max(uses, key=lambda one: (one.name in parts.packings, len(scene.uses_of(one.name))))
    declared, shape = held.declared, held.shape
    packing = None if declared else parts.packings.get(use.name)
    sites = [
        _site(scene, name)
        for name in (parts.packings[use.name].names if use.name in parts.packings else [use.name])
    ]
    weight = sites[0].use
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
    if isinstance(decision.initializer, Zeros) and not held.may_be_zero():
        decision = Decision(None, "its norm is divided out, so it cannot start at 0: it keeps what it has")
    decision = _fitting(decision, shape, declared.get("layout", layout), geometry)
    return Entry(
        held.path, shape, decision.initializer, decision.role or sites[0].role, decision.reason,
        declared.get("layout", layout), geometry["groups"], geometry["stride"], geometry["transposed"],
        decision.gain, math.nan if _repeated(scene, weight) else decision.signal, decision.steady,
        tuple(stable_path(alias) for one in uses for alias in one.aliases),
        tuple(one.name for one in uses) if held.through else (),
        rates_of(recipe, sites[0], decision), _multiple(weight, held), packing=packing,
    )  # fmt: skip


def check_patterns(patterns: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a pattern that no name fits."""
    lost = [one for one in patterns if not any(fnmatchcase(name, one) for name in names)]
    if lost:
        raise PlanError(f"exclude: no parameter fits {', '.join(map(repr, lost))}")


def protected(uses: Sequence[ParameterUse], names: Sequence[str], patterns: Sequence[str]) -> Decision | None:
    """Why a parameter of these names is not to be written: it is frozen, or fits a pattern."""
    if not any(use.trainable for use in uses):
        return Decision(None, "frozen: requires_grad is False")
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names):
            return Decision(None, f"excluded by {pattern!r}")
    return None


def _repeated(scene: Scene, weight: WeightUse | None) -> bool:
    """Whether a weight is applied so often that the size of its first results says little of the others."""
    return weight is not None and len(scene.uses_of(weight.name)) >= OFTEN


def _multiple(weight: WeightUse | None, held: Held) -> float:
    """The constant on a plain parameter; a parametrization's own is seen to by its right inverse."""
    return weight.multiple if weight is not None and not held.through and weight.multiple else 1.0


def _fitting(
    decision: Decision, shape: tuple[int, ...], layout: str, geometry: Mapping[str, Any]
) -> Decision:
    """The decision, unless its law cannot be drawn for a parameter whose axes are read so."""
    wanted = decision.initializer
    if wanted is None or 0 in shape or _has_law(wanted, shape, decision.layout or layout, **geometry):
        return decision
    return Decision(None, f"axes read as {layout!r} give its law no fans: it keeps what it has")


@lru_cache(maxsize=512, typed=True)
def _has_law(initializer: Initializer, shape: tuple[int, ...], layout: str, **geometry: Any) -> bool:
    """Whether it can be drawn so: many layers of a model are alike."""
    try:
        initializer.law(shape, layout=layout, **geometry)
    except IsogainError:
        return False
    return True


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
