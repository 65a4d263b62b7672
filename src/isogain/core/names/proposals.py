"""Which arguments of a row could give a wanted law: candidates by what its parameters are called.

Nothing here decides: `translation` makes each candidate and holds its law against the wanted one.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from isogain.core.initializers import (
    Constant,
    Normal,
    Orthogonal,
    RemainderNormal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
)
from isogain.core.names.rows import Row
from isogain.core.values.distributions import (
    ConstantLaw,
    Law,
    NormalLaw,
    TruncatedNormalLaw,
    UniformLaw,
    truncated_std,
)
from isogain.core.values.initializer import Initializer

__all__ = ["Facts", "arguments_for", "facts_of"]

Facts = dict[str, float]
CHOICES: dict[str, tuple[Any, ...]] = {
    "mode": ("fan_in", "fan_out", "fan_avg", "FAN_IN", "FAN_OUT", "FAN_AVG"),
    "fan_option": ("fan_in", "fan_out"),
    "variance_norm": ("FAN_IN", "FAN_OUT", "AVERAGE"),
    "factor_type": ("in", "out", "avg"),
    "distribution": ("normal", "uniform", "truncated_normal", "untruncated_normal"),
    "rnd_type": ("uniform", "gaussian"),
    "uniform": (True, False),
    "nonlinearity": ("leaky_relu", "relu", "linear", "tanh", "selu"),
}
"""Arguments that choose between laws."""
SCALES = ("gain", "scale", "factor", "magnitude")
SLOPES = ("a", "negative_slope", "slope")
NAMES: dict[str, str] = {
    "std": "std", "stddev": "std", "sigma": "std", "mean": "mean", "low": "low", "minval": "low",
    "min": "low", "lo": "low", "high": "high", "maxval": "high", "max": "high", "hi": "high", "b": "high",
    "lower": "lower", "upper": "upper",
    "value": "value", "val": "value", "fill_value": "value", "constant": "value",
}  # fmt: skip
"""Arguments that are a number of the law, and which."""
FIXED = (Normal, Uniform, TruncatedNormal, Constant, RemainderNormal)
"""Initializers whose law is one at every shape."""
MOST = 3000


def facts_of(value: Initializer, laws: Mapping[str, Law]) -> Facts:
    """The numbers of an initializer, and of its law at a shape where one was given."""
    facts: Facts = {}
    if isinstance(value, VarianceScaling):
        cut = value.distribution == "truncated_normal" and value.truncation == "uncorrected"
        facts["variance"] = value.scale * (truncated_std(-2, 2) ** 2 if cut else 1)
    elif isinstance(value, Orthogonal):
        facts["gain"] = value.gain
    law = laws.get("shape")
    if isinstance(value, FIXED) or law is not None:
        facts |= _numbers(law if law is not None else value.law((2, 2)))
    return facts


def _numbers(law: Law) -> Facts:
    """What the law itself is made of."""
    if isinstance(law, ConstantLaw):
        return {"value": law.value.real}
    if isinstance(law, NormalLaw):
        return {"std": law.scale, "mean": law.location}
    if isinstance(law, UniformLaw):
        return {"low": law.low, "high": law.high}
    if isinstance(law, TruncatedNormalLaw):
        sigmas = {"lower": law.alpha, "upper": law.beta}
        return {"std": law.scale, "mean": law.location, "low": law.low, "high": law.high, **sigmas}
    return {"std": law.std}


def arguments_for(row: Row, facts: Facts, always: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments worth trying, the fewest first; those that equal a default are left out, `always` is not."""
    names, choices = [], []
    for name, parameter in inspect.signature(row.make).parameters.items():
        wanted = [always[name]] if name in always else _values(name, facts)
        needed = parameter.default is parameter.empty or name in always
        if needed and not wanted:
            return
        names.append(name)
        choices.append([] if needed else [_LEFT_OUT])
        choices[-1] += [value for value in wanted if value != parameter.default]
    found = itertools.islice(itertools.product(*choices), MOST)
    kept = [{n: v for n, v in zip(names, values, strict=True) if v is not _LEFT_OUT} for values in found]
    yield from sorted(kept, key=len)


_LEFT_OUT = object()


def _values(name: str, facts: Facts) -> list[Any]:
    """Values that an argument of this name could need."""
    if name in CHOICES:
        return list(CHOICES[name]) if "variance" in facts else []
    found: list[Any] = [facts[NAMES[name]]] if name in NAMES and NAMES[name] in facts else []
    if name == "lim" and "low" in facts:
        found.append((_tidy(facts["low"]), _tidy(facts["high"])))
    if name in SCALES:
        found += _scales(facts)
    if name in SLOPES:
        found += _slopes(facts)
    return found


def _scales(facts: Facts) -> list[float]:
    """A gain is a factor of the weight or of its variance, on LeCun's or He's law; or a bound, a std."""
    found = [facts[name] for name in ("gain", "std", "high") if name in facts]
    variance = facts.get("variance")
    if variance is not None:
        found += [variance, 3 * variance, math.sqrt(variance), math.sqrt(variance / 2), variance / 1.3]
    return [_tidy(value) for value in found]


def _slopes(facts: Facts) -> list[float]:
    """The slope at which sqrt(2 / (1 + slope²)) is the gain; and a lower bound, which some call a too."""
    variance = facts.get("variance", 0.0)
    found = [math.sqrt(2 / variance - 1)] if 0 < variance <= 2 else []
    return [_tidy(value) for value in found] + ([facts["low"]] if "low" in facts else [])


def _tidy(value: float) -> float:
    """Without the last digits of a root that was squared."""
    return float(f"{value:.14g}")
