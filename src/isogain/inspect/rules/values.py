"""non-finite, uninitialized and dtype-headroom: what the numbers themselves say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import RESTART, Change, Fix
from isogain.inspect.formats import FORMATS
from isogain.inspect.mending import filled, fresh, is_matrix, with_their_kind
from isogain.inspect.table import ParameterState, Table

__all__ = ["IMPLAUSIBLE", "dtype_headroom", "non_finite", "uninitialized"]

LARGEST = {name: one.largest for name, one in FORMATS.items()}
HEADROOM = 8.0
"""How many times a signal may still grow before it overflows."""
IMPLAUSIBLE = 12.0
"""Decades between the 1 % and the 99 % quantile of |x|; drawn weights span about 2.3."""
HUGE = 1e15
"""Root mean square of trained numbers that nobody draws: the square of a sum of some overflows."""
SCATTERED = 3.0
"""Decades between the quartiles of |x|: six times what any drawn weight has."""


def non_finite(table: Table) -> Iterator[Finding]:
    """NaN or infinity in parameters, signals, the loss or gradients, where it starts."""
    bad = [s.name for s in table.parameters.values() if not s.finite and s.on_device and not _garbage(s)]
    if bad:
        yield _finding(pattern(bad), "NaN or infinity in the parameter", "its values are not numbers "
        "before the first step", tuple(bad), (fresh(table, bad, patch=True), RESTART))  # fmt: skip
        return
    start = next((node for node in table.graph.nodes if _breaks(table, node)), None)
    if start is not None:
        states = (table.parameters[name] for name in start.parameters if name in table.parameters)
        zeros = [one.name for one in states if one.zero and is_matrix(table, one.name)]
        broken = (one for one in table.graph.nodes[start.index :] if _breaks(table, one))
        zeros = zeros or list(dict.fromkeys(name for one in broken for name in _zeros_behind(table, one)))
        raised = _raised(table, start)
        # a direction of zeros is divided by its length, and e is raised to 0 where scales start
        mends = (fresh(table, with_their_kind(table, zeros)), filled(table, raised, 0.0))
        why, paths = _why(table, start), (*zeros, *raised)
        yield _finding(place(start), "NaN or infinity in what it hands on", why, paths, mends)
    elif math.isfinite(table.loss_value) or not table.backward:
        yield from _gradients(table)
    else:
        own = "every layer before it is finite: look at the loss itself"
        end = table.loss_node
        why = own if end is None else _grown(table, table.node(end)) or table.broken.get(end) or own
        yield _finding("loss", f"loss {table.loss_value}", why)


def _finding(
    path: str, measured: str, why: str, paths: tuple[str, ...] = (), mends: tuple[Fix, ...] = ()
) -> Finding:
    return Finding("non-finite", "critical", path, measured, "finite numbers", why, "", paths, mends=mends)


def _zeros_behind(table: Table, node: Node) -> list[str]:
    """The weights of zeros, and without a bias, that make what is divided on the way to a node."""
    zeros, stack = list[str](), [(node.index, False)]
    seen = set(stack)
    while stack:
        index, divided = stack.pop()
        one = table.node(index)
        if one.kind != "weight":
            new = {(source, divided or "div" in one.op) for source in one.inputs} - seen
            seen |= new
            stack += new
        elif divided and one.weight is not None and table.is_zero_weight(one) and table.silent(one):
            zeros.append(one.weight.name)
    return sorted(zeros, key=list(table.graph.by_parameter).index)


def _raised(table: Table, node: Node) -> list[str]:
    """The scales it reads that are so large that e raised to them overflows."""
    limit = LARGEST.get(node.dtype, LARGEST["float32"])
    scales = [one for one in node.parameters if one in table.parameters and not is_matrix(table, one)]
    return [one for one in scales if math.log(limit) < table.parameters[one].largest < limit]


def _breaks(table: Table, node: Node) -> bool:
    forward = table.forward.get(node.index)
    return not (forward is None or forward.finite or _masked(table, node))


def _masked(table: Table, node: Node) -> bool:
    """Minus infinity where a mask forbids attention or an answer is what softmax wants."""
    forward = table.forward[node.index]
    return (
        forward.minimum == -math.inf
        and math.isfinite(forward.maximum)
        and node.kind not in ("weight", "norm")
    )


def _why(table: Table, node: Node) -> str:
    if node.kind == "input":
        return "the input itself is not finite"
    if zeros := _zeros_behind(table, node):
        return f"{pattern(zeros)} is 0 everywhere, and what it gives is divided by its length: 0 / 0"
    if table.broken.get(node.index):
        return _grown(table, node) or table.broken[node.index]
    inputs = [table.forward[i] for i in node.inputs if i in table.forward]
    if (raised := _raised(table, node)) and all(one.finite for one in inputs):
        size = max(table.parameters[one].largest for one in raised)
        return f"{pattern(raised)} reaches {size:.3g}, and e raised to that is more than {node.dtype} holds"
    size = max((f.largest for f in inputs), default=math.nan)
    limit = LARGEST.get(node.dtype)
    if limit and size > limit / 1e3:
        return f"its inputs reach {size:.3g}, and {node.dtype} ends at {limit:.3g}: it overflows"
    if node.index in table.broken or (inputs and len(inputs) == len(node.inputs)):
        known = f" (largest {size:.3g})" if math.isfinite(size) else ""
        return f"its inputs are finite{known}, so {node.op} itself makes it"
    return f"{node.op} is the first where it was seen; not all that it reads was measured"


def _grown(table: Table, node: Node) -> str:
    """That signals had grown until their squares were more than the type holds; '' where they had not."""
    limit = LARGEST.get(node.dtype, math.inf)
    behind = (one for one in table.behind(node.index) if one.index in table.forward)
    seen = {one.index: table.forward[one.index] for one in behind if table.forward[one.index].finite}
    loudest = max(seen, key=lambda index: seen[index].largest, default=None)
    if loudest is None or seen[loudest].largest ** 2 < limit:
        return ""
    first = table.node(min(seen))
    return (
        f"signals grow from {seen[first.index].rms:.3g} at {place(first)} to {seen[loudest].largest:.3g} at "
        f"{place(table.node(loudest))}, and {node.dtype} ends at {limit:.3g}: what is made of them overflows"
    )


def _gradients(table: Table) -> Iterator[Finding]:
    bad = [s.name for s in table.parameters.values() if s.gradient is not None and not s.gradient.finite]
    if not bad:
        return
    hurt = [
        node
        for node in table.graph.nodes
        if node.index in table.backward and not table.backward[node.index].finite
    ]
    where = place(hurt[-1]) if hurt else bad[-1]
    why = (
        f"signals are finite, but the slope of what reads {where} is not: a square root, norm or "
        f"logarithm at 0, or overflow"
    )
    yield _finding(where, f"NaN or infinity in the gradients of {len(bad)} parameters", why, tuple(bad))


def uninitialized(table: Table) -> Iterator[Finding]:
    """Parameters without storage, or holding whatever lay in memory."""
    empty = [state.name for state in table.parameters.values() if not state.on_device]
    if empty:
        yield Finding(
            "uninitialized", "critical", pattern(empty), f"{len(empty)} parameters on the meta "
            f"device or of size 0",
            "values", "there are no numbers to train: materialise the model (to_empty and an "
            "initialization, or "
            "gather sharded weights) first", "", tuple(empty), mends=(_said("igt.init_(model, inputs)"),),
        )  # fmt: skip
    garbage = [state for state in table.parameters.values() if state.on_device and _garbage(state)]
    if garbage:
        names = [state.name for state in garbage]
        span, largest = max(state.implausible for state in garbage), max(s.largest for s in garbage)
        yield Finding(
            "uninitialized", "critical", pattern(names),
            f"sizes spread over {min(span, 99):.0f} decades, up to {largest:.2g}"
            if any(map(_spread, garbage))
            else f"sizes up to {largest:.2g}",
            "about 2.3 decades between the 1 % and 99 % quantiles of a drawn weight"
            if any(map(_spread, garbage))
            else f"numbers far below {HUGE:g}",
            "these are bit patterns left in memory (torch.empty, torch.Tensor(n)), not weights that "
            "were drawn",
            "", tuple(names), mends=(fresh(table, names), RESTART),
        )  # fmt: skip


def _said(line: str) -> Fix:
    """What no copy of the model can try."""
    return Fix((Change("data", text=line),))


def _garbage(state: ParameterState) -> bool:
    huge = state.finite and state.requested and not state.constant and state.rms > HUGE
    return _spread(state) or huge


def _spread(state: ParameterState) -> bool:
    return state.implausible > IMPLAUSIBLE or state.scattered > SCATTERED


def dtype_headroom(table: Table) -> Iterator[Finding]:
    """Signals close to the largest number of the type they are held in."""
    tight = [
        (node, table.forward[node.index]) for node in table.graph.nodes
        if node.index in table.forward and table.forward[node.index].finite and node.dtype in LARGEST
        and table.forward[node.index].largest > LARGEST[node.dtype] / HEADROOM and node.kind != "input"
        and not _mask(table, node) and _own(table, node)
    ]  # fmt: skip
    if tight:
        node, forward = max(tight, key=lambda pair: pair[1].largest / LARGEST[pair[0].dtype])
        yield Finding(
            "dtype-headroom", "warning", place(node), f"{forward.largest:.3g} in {node.dtype}",
            f"below {LARGEST[node.dtype] / HEADROOM:.3g}, an eighth of its largest number",
            f"{node.dtype} ends at {LARGEST[node.dtype]:.3g}: a few steps of growth, or an unlucky "
            f"batch, overflow; bfloat16 reaches as far as float32 (the inputs have to follow)",
            "", tuple(place(n) for n, _ in tight),
            mends=(Fix((Change("cast", text="bfloat16"),)),),
        )  # fmt: skip
    yield from _underflow(table)


def _own(table: Table, node: Node) -> bool:
    """Whether the size comes from the signal, and not from a constant that was added to it."""
    if node.kind != "add":
        return node.kind in ("weight", "norm", "activation", "attention", "embedding", "recurrent", "product")
    parts = sum(
        table.forward[i].largest for i in node.inputs if i in table.forward and table.forward[i].finite
    )
    return parts > 0.3 * table.forward[node.index].largest


def _mask(table: Table, node: Node) -> bool:
    """The most negative number in front of a softmax forbids a place; it is no signal."""
    forward = table.forward[node.index]
    below = -forward.minimum > LARGEST[node.dtype] / HEADROOM > forward.maximum
    return below and table.graph.following(node.index, ("softmax", "loss"), 4) is not None


def _underflow(table: Table) -> Iterator[Finding]:
    """Gradients in float16 that vanish below its smallest number."""
    small = 2.0**-24
    half = [s for s in table.parameters.values() if s.gradient is not None]
    used = {node.dtype for node in table.graph.nodes if node.index in table.backward}
    if "float16" not in used or not half:
        return
    lost = [s.name for s in half if s.gradient is not None and 0 < s.gradient.rms < 2 * small]
    if len(lost) > 0.2 * len(half):
        yield Finding(
            "dtype-headroom", "info", pattern(lost), f"{len(lost)} of {len(half)} gradients near 2^-24",
            "above 6e-8, the smallest float16", "without loss scaling much of these gradients rounds to 0",
            "", tuple(lost), mends=(_said("scaler = torch.amp.GradScaler()"),),
        )  # fmt: skip
