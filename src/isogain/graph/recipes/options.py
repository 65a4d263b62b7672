"""What a recipe may be told, what it has to say about a model, and the learning rates it prescribes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from isogain.checking import nearest
from isogain.graph.entry import PlanError
from isogain.graph.rules.registry import Decision
from isogain.graph.scene import Scene, Site

__all__ = ["Rates", "check_options", "notes_of", "options_of", "prescribes", "rates_of", "says"]

Rates = tuple[tuple[str, float], ...]
"""(kind of optimizer, factor on the learning rate), for 'adam' and 'sgd'; 'eps': on Adam's epsilon."""
ARGUMENTS = ("model", "inputs", "seed", "loss", "exclude", "recipe", "keep_healthy", "findings", "rates")
"""What `plan` and `init_` take besides: a misspelt one arrives here as an option."""
_OPTIONS: dict[str, tuple[str, ...]] = {}
_NOTES: dict[str, Callable[[Scene], list[str]]] = {}
_RATES: dict[str, Callable[[Site, Decision], Rates]] = {}


def options_of(recipe: str, *names: str) -> None:
    """Let a recipe take these options."""
    _OPTIONS[recipe] = names


def says(*recipes: str) -> Callable[[Callable[[Scene], list[str]]], Callable[[Scene], list[str]]]:
    """Register what recipes note about a model."""

    def register(function: Callable[[Scene], list[str]]) -> Callable[[Scene], list[str]]:
        _NOTES.update(dict.fromkeys(recipes, function))
        return function

    return register


def prescribes(
    *recipes: str,
) -> Callable[[Callable[[Site, Decision], Rates]], Callable[[Site, Decision], Rates]]:
    """Register the learning rates that recipes prescribe for one parameter."""

    def register(function: Callable[[Site, Decision], Rates]) -> Callable[[Site, Decision], Rates]:
        _RATES.update(dict.fromkeys(recipes, function))
        return function

    return register


def check_options(recipe: str, options: Mapping[str, Any]) -> None:
    """PlanError for an option the recipe does not have."""
    known = _OPTIONS.get(recipe, ())
    lost = [name for name in options if name not in known]
    if lost:
        takes = f"takes {', '.join(known)}" if known else "takes no options"
        hint = nearest(lost[0], (*known, *ARGUMENTS))
        raise PlanError(f"the recipe {recipe!r} {takes}, not {', '.join(lost)}{hint and '; ' + hint}")


def notes_of(recipe: str, scene: Scene) -> list[str]:
    """What the recipe has to say about this model."""
    return _NOTES[recipe](scene) if recipe in _NOTES else []


def rates_of(recipe: str, site: Site, decision: Decision) -> Rates:
    """The learning rates the recipe prescribes for one parameter; empty where it prescribes none."""
    return _RATES[recipe](site, decision) if recipe in _RATES else ()
