"""Rules by recipe: each looks at one Site and answers with a Decision, or leaves it to the next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from isogain.checking import nearest, shown
from isogain.core.values.initializer import Initializer
from isogain.graph.entry import PlanError
from isogain.graph.scene import Site

__all__ = ["DEFAULT", "Decision", "Rule", "decide", "recipes", "rule", "rules_of"]

DEFAULT = "default"


@dataclass(frozen=True)
class Decision:
    """What a rule decides of one parameter."""

    initializer: Initializer | None
    """None: it keeps what it has."""
    reason: str
    gain: float = math.nan
    signal: float = math.nan
    steady: float = 0.0
    layout: str | None = None
    """How its axes are read, where the rule knows better than the operation."""
    role: str | None = None


Rule = Callable[[Site], Decision | None]
_RULES: dict[str, list[tuple[int, str, Rule]]] = {}


def rule(order: int, recipe: str = DEFAULT) -> Callable[[Rule], Rule]:
    """Registers a rule of a recipe; lower orders are asked first, a recipe's own before the default ones."""

    def register(function: Rule) -> Rule:
        rules = _RULES.setdefault(recipe, [])
        rules.append((order, function.__name__, function))
        rules.sort(key=lambda row: row[:2])
        return function

    return register


def recipes() -> tuple[str, ...]:
    """The names of all recipes."""
    return tuple(_RULES)


def rules_of(recipe: str) -> tuple[Rule, ...]:
    """The rules of a recipe, then the default ones; PlanError for an unknown name."""
    if recipe not in _RULES:
        hint = nearest(str(recipe), _RULES) or f"there are {', '.join(map(repr, _RULES))}"
        raise PlanError(f"no recipe is called {shown(recipe)}; {hint}")
    own = [] if recipe == DEFAULT else _RULES[recipe]
    return tuple(function for _, _, function in (*own, *_RULES[DEFAULT]))


def decide(site: Site, recipe: str = DEFAULT) -> Decision:
    """The first answer of the recipe's rules; without any, the parameter keeps what it has."""
    for function in rules_of(recipe):
        found = function(site)
        if found is not None:
            return found
    return Decision(None, "no rule knows what it does, so it keeps what it has")
