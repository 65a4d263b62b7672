"""The line of code that mends a finding: a scheme for layers of the usual kinds, else factors as measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from isogain.graph import Node
from isogain.inspect.chains import common_activation
from isogain.inspect.steps import critical_gain
from isogain.inspect.table import Table

__all__ = ["mend", "multiplied", "zeroed"]

ORDINARY = {"linear": "Linear", "conv1d": "Conv1d", "conv2d": "Conv2d", "conv3d": "Conv3d", "addmm": "Linear"}
"""Operations whose module holds the very weight they use -> the class of the module."""
OFFSET = 0.3
"""Root mean square of a bias from which it, too, is part of what is wrong."""
ODD = ("tanh", "erf", "sin", "arctan", "softsign", "hard_tanh")


def mend(table: Table, weights: Sequence[Node], change: float = math.nan, residual: bool = False) -> str:
    """The line that gives these layers the gain their activation needs; '' where no line can.

    `change` is what was measured over all of them, in decades: weights that no ordinary layer holds are
    scaled by their share of it.
    """
    if not weights:
        return ""
    ends = [n for n in weights if n.role == "residual branch end" and n.weight is not None]
    if residual and change > 0 and ends:
        return zeroed([n.weight.name for n in ends if n.weight])
    if all(_ordinary(table, node) for node in weights):
        line = _scheme(table, weights)
    else:
        line = _scaled(table, weights, change)
    shifts = _offsets(table, weights)
    return "; ".join(part for part in (line, zeroed(shifts) if shifts else "") if part)


def zeroed(names: Sequence[str]) -> str:
    """The line that sets these parameters to 0."""
    return f"[torch.nn.init.zeros_(model.get_parameter(n)) for n in {sorted(set(names))!r}]"


def multiplied(factors: Mapping[str, float]) -> str:
    """The line that multiplies each parameter by its factor; '' without any."""
    listed = ", ".join(f"{name!r}: {factor:.4g}" for name, factor in factors.items())
    return f"[model.get_parameter(n).data.mul_(f) for n, f in {{{listed}}}.items()]" if factors else ""


def _ordinary(table: Table, node: Node) -> bool:
    """Whether a module of the usual kinds holds the weight as it is used."""
    use = table.graph.by_parameter.get(node.weight.name) if node.weight else None
    if use is None or node.weight is None or use.owner != ORDINARY.get(node.op):
        return False
    return tuple(use.shape) == tuple(node.weight.shape) and use.name.endswith("weight")


def _offsets(table: Table, weights: Sequence[Node]) -> list[str]:
    """Biases of these layers, and of norms among them, that are far from 0."""
    first, last = weights[0].index, weights[-1].index
    norms = [n for n in table.graph.nodes[first : last + 1] if n.kind == "norm"]
    names = [n.weight.bias for n in weights if n.weight and n.weight.bias]
    names += [name for n in norms for name in n.parameters if name.endswith("bias")]
    return [name for name in names if name in table.parameters and table.parameters[name].rms > OFFSET]


def _scheme(table: Table, weights: Sequence[Node]) -> str:
    name, settings = common_activation(table, weights)
    layers = _layer_types(weights)
    gated = any(n.role == "gate" for n in table.graph.nodes if n.activation == name)
    if name in ("sigmoid", "hard_sigmoid") and not gated:
        return (
            f"[(torch.nn.init.orthogonal_(m.weight, 4.0), "
            f"m.bias.data.copy_(-m.weight.data.flatten(1).sum(1) / 2)) "
            f"for m in model.modules() if isinstance(m, {layers})]"
        )
    if name in ODD:
        return f"[igt.orthogonal_(m.weight, gain=1.0) for m in model.modules() if isinstance(m, {layers})]"
    named = _named(name, settings) if not gated else "'linear'"
    if named:
        return (
            f"[igt.kaiming_normal_(m.weight, nonlinearity={named}) "
            f"for m in model.modules() if isinstance(m, {layers})]"
        )
    gain = critical_gain(name, settings, 1.0)
    if not math.isfinite(gain):
        return ""
    return (
        f"[igt.xavier_normal_(m.weight, gain={gain:.4g}) for m in model.modules() if isinstance(m, {layers})]"
    )


def _named(name: str, settings: dict[str, float]) -> str:
    slope = settings.get("negative_slope", 0.0)
    return {"relu": "'relu'", "linear": "'linear'", "leaky_relu": f"'leaky_relu', a={slope:g}"}.get(name, "")


def _layer_types(weights: Sequence[Node]) -> str:
    kinds = dict.fromkeys(f"torch.nn.{ORDINARY[node.op]}" for node in weights if node.op in ORDINARY)
    names = list(kinds)
    return f"({', '.join(names)})" if len(names) > 1 else names[0] if names else "torch.nn.Linear"


def _scaled(table: Table, weights: Sequence[Node], change: float) -> str:
    """Raw, generated, transposed or parametrized weights: the size that is missing, as a factor."""
    factor = _factor(table, weights, change)
    if not math.isfinite(factor) or factor <= 0:
        return ""
    names = sorted({n.weight.name for n in weights if n.weight})
    if any(".parametrizations." in name or name.startswith("parametrizations.") for name in names):
        return (
            f"[setattr(m, 'weight', {factor:.4g} * m.weight) for m in model.modules() "
            "if hasattr(m, 'parametrizations')]"
        )
    return f"[model.get_parameter(n).data.mul_({factor:.4g}) for n in {names!r}]"


def _factor(table: Table, weights: Sequence[Node], change: float) -> float:
    if math.isfinite(change):
        return float(10 ** (-change / len(weights)))
    name, settings = common_activation(table, weights)
    gains = [n.weight.gain for n in weights if n.weight and n.weight.gain > 0]
    return critical_gain(name, settings) / median(gains) if gains else math.nan
