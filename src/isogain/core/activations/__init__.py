"""Activations as values: functions with their slopes, kinks, closed forms and moments.

>>> activation("gelu").gain()
1.5335...
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from isogain.checking import Checks, shown
from isogain.core.activations.activation import Activation, Moments
from isogain.core.activations.adopt import ActivationError, adopt
from isogain.core.activations.table import ROWS, Row

__all__ = ["ROWS", "Activation", "ActivationError", "Moments", "Row", "activation", "names"]


def names() -> tuple[str, ...]:
    """The names of the table's rows, in its order."""
    return tuple(row.name for row in ROWS)


def activation(which: str | Callable[..., Any] | Activation, **parameters: Any) -> Activation:
    """The Activation of that name, or made from any elementwise callable.

    A name may be written with any case, spaces, `-` or `_` ("LeakyReLU", "hard-swish"); parameters are
    the row's own (`negative_slope`, `alpha`, `beta`, ...), `approximate="tanh"` turns "gelu" into its
    tanh form.  A callable may be NumPy's, torch's or JAX's; its derivative comes from autograd or finite
    differences, its kinks are found.  Raises ActivationError for an unknown name or parameter, and for
    a callable that is not elementwise, not deterministic or not finite.

    >>> activation("leaky_relu", negative_slope=0.2).derivative([-1.0, 1.0])
    array([0.2, 1. ])
    """
    if isinstance(which, Activation):
        if parameters:
            raise ActivationError(
                f"{which} is already an activation: parameters {sorted(parameters)} come too late"
            )
        return which
    if isinstance(which, str):
        return _named(which, parameters)
    if not callable(which):
        raise ActivationError(
            f"an activation is a name or a callable, got {shown(which)}; names: {', '.join(names())}"
        )
    return _adopted(which, parameters)


CHECKS = Checks(ActivationError)


def _is(value: object, word: str) -> bool:
    return isinstance(value, str) and value == word


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


@lru_cache(maxsize=1)
def _index() -> dict[str, Row]:
    return {_plain(name): row for row in ROWS for name in (row.name, *row.aliases)}


def _named(name: str, parameters: dict[str, Any]) -> Activation:
    approximate = parameters.pop("approximate", None)
    exact = approximate is None or approximate is False or _is(approximate, "none")
    row = _index().get(_plain(name))
    if row is not None and row.name == "gelu" and (approximate is True or _is(approximate, "tanh")):
        row = _index()["gelutanh"]
    elif not exact:
        raise ActivationError(
            f"activation {shown(name)}: approximate={shown(approximate)} is not 'none' or 'tanh' of gelu"
        )
    if row is None:
        keys = difflib.get_close_matches(_plain(name), _index(), n=3)
        close = dict.fromkeys(_index()[key].name for key in keys)
        hint = f"; did you mean {' or '.join(close)}?" if close else "."
        raise ActivationError(f"no activation is called {shown(name)}{hint} Known: {', '.join(names())}")
    return _from_row(row.name, _numbers(row, parameters))


def _numbers(row: Row, parameters: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """The row's parameters in its order, defaults filled in; unknown and non-finite ones refused."""
    unknown = sorted(set(parameters) - set(row.defaults))
    if unknown:
        known = ", ".join(row.defaults) or "none"
        raise ActivationError(
            f"activation {row.name!r} has no parameter {', '.join(unknown)}; it takes: {known}"
        )
    filled = {**row.defaults, **parameters}
    for key, value in filled.items():
        plain = shown(value) if isinstance(value, bool) else value
        positive = key in ("beta", "omega", "alpha") and row.name not in ("swish", "elu")
        CHECKS.number(f"activation {row.name!r}: {key}", plain, above=0 if positive else -math.inf)
    if "min_val" in filled and filled["min_val"] >= filled["max_val"]:
        raise ActivationError(f"activation {row.name!r}: min_val {filled['min_val']} is not below max_val")
    return tuple((key, float(value)) for key, value in filled.items())


@lru_cache(maxsize=512)
def _from_row(name: str, parameters: tuple[tuple[str, float], ...]) -> Activation:
    (function, slope), kinks, forms = _index()[_plain(name)].make(**dict(parameters))
    return Activation(name, parameters, function=function, slope=slope, kinks=kinks, closed=forms)


def _refuse_unhashable(name: str, parts: object) -> None:
    """An activation is a value, by which what was computed of it is found again."""
    try:
        hash(parts)
    except Exception as error:
        raise ActivationError(
            f"activation {name!r}: the callable and its parameters have to be hashable; put arrays into a "
            "function of one argument (lambda x: ...)"
        ) from error


def _adopted(which: Callable[..., Any], parameters: dict[str, Any]) -> Activation:
    name = str(getattr(which, "__name__", type(which).__name__))

    def bound(x: Any) -> Any:
        return which(x, **parameters)

    function, slope, kinks, jumps = adopt(bound if parameters else which, name)
    numbers = tuple((key, value) for key, value in sorted(parameters.items()))
    _refuse_unhashable(name, (which, numbers))
    return Activation(name, numbers, which, function=function, slope=slope, kinks=kinks, jumps=jumps)
