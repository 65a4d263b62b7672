"""uninitialized, non-finite and dtype-headroom in buffers, which no scheme draws and nobody looks at."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding
from isogain.inspect.formats import FORMATS
from isogain.inspect.looks import BufferState
from isogain.inspect.rules.values import IMPLAUSIBLE
from isogain.inspect.table import Table

__all__ = ["buffer_precision", "foreign_statistics", "nan_buffers", "stale_buffers"]

FOREIGN = 30.0
"""Times that a signal is smaller, or larger, than what running statistics were learnt from."""
DENORMAL = 2.0**-126
REBUILD = "its values are computed in the module's constructor: build the model anew, or compute them again"


def stale_buffers(table: Table) -> Iterator[Finding]:
    """Buffers without storage, or holding whatever lay in memory."""
    absent = [one.name for one in table.buffers if not one.on_device]
    if absent:
        yield Finding(
            "uninitialized", "critical", pattern(absent), f"{len(absent)} buffers on the meta device",
            "values", f"to_empty and schemes for parameters leave buffers out; {REBUILD}", "", tuple(absent),
        )  # fmt: skip
    old = [one for one in table.buffers if one.on_device and _old(one)]
    if old:
        worst = max(old, key=lambda one: one.largest)
        sizes = f"numbers from {worst.smallest:.2g} to {worst.largest:.2g}"
        if worst.negative_variance:
            sizes = f"a running variance below 0, {sizes}"
        yield Finding(
            "uninitialized", "critical", pattern([one.name for one in old]), sizes,
            "frequencies, positions, means: numbers whose squares the type can hold",
            "these are bit patterns left in memory (torch.empty, to_empty), not what was "
            f"computed; {REBUILD}",
            "", tuple(one.name for one in old),
        )  # fmt: skip


def _old(one: BufferState) -> bool:
    """Whether sizes are spread as bit patterns are: their squares overflow, or some are denormal."""
    if one.negative_variance:
        return True
    if not 0 < one.smallest < one.largest:
        return False
    most = FORMATS[one.dtype].largest if one.dtype in FORMATS else FORMATS["float32"].largest
    spread = math.log10(one.largest) - math.log10(one.smallest) > IMPLAUSIBLE
    return spread and (one.largest > math.sqrt(most) or one.smallest < DENORMAL)


def nan_buffers(table: Table) -> Iterator[Finding]:
    """Buffers with NaN in them."""
    bad = [one for one in table.buffers if one.nan]
    if bad:
        reached = not all(forward.finite for forward in table.forward.values())
        yield Finding(
            "non-finite", "critical" if reached else "warning", pattern([one.name for one in bad]),
            f"{sum(one.nan for one in bad)} NaN in the buffer", "finite numbers",
            f"a buffer that is read hands its NaN on to everything behind it; {REBUILD}",
            "", tuple(one.name for one in bad),
        )  # fmt: skip


def buffer_precision(table: Table) -> Iterator[Finding]:
    """A float64 buffer that makes the signals of a float32 model float64."""
    wide = [one.name for one in table.buffers if one.dtype == "float64"]
    inputs = {node.dtype for node in table.graph.nodes if node.kind == "input"}
    parameters = {use.dtype for use in table.graph.parameters}
    if not wide or "float64" in inputs | parameters:
        return
    first = next((node for node in table.graph.nodes if node.dtype == "float64"), None)
    if first is not None:
        yield Finding(
            "dtype-headroom", "warning", pattern(wide), f"float64 signals from {place(first)} on",
            f"{', '.join(sorted(parameters))}, the type of the parameters",
            "a buffer made of NumPy or Python numbers is float64, and what it meets follows it: "
            "twice the memory, "
            "and many times the time on accelerators",
            f"[setattr(model.get_submodule(n.rpartition('.')[0]), n.rpartition('.')[2], "
            f"model.get_buffer(n).float()) for n in {wide!r}]", tuple(wide),
        )  # fmt: skip


def foreign_statistics(table: Table) -> Iterator[Finding]:
    """Norms that run on what they learnt elsewhere, and get signals of another size."""
    known = {buffer.name: buffer for buffer in table.buffers}
    for node in table.graph.nodes:
        learnt = known.get(f"{node.path}.running_var") if node.op == "batch_norm" else None
        before = [table.forward[one] for one in node.inputs if one in table.forward]
        if learnt is None or not before or learnt.smallest == learnt.largest == 1:
            continue
        size, lost = before[0].rms, table.forward[node.index].distance * FOREIGN < before[0].distance
        low, high = math.sqrt(max(learnt.smallest, 0.0)), math.sqrt(max(learnt.largest, 0.0))
        centre = known.get(f"{node.path}.running_mean")
        high += centre.largest if centre is not None else 0.0
        loudness = table.forward[node.index].rms / (table.norm_scale(node) or math.inf)
        louder = loudness > FOREIGN / 3
        if (lost and size * FOREIGN < low) or (louder and size > FOREIGN * high > 0):
            yield _foreign(table, node, size, (low, high))
            return
        if loudness > FOREIGN and table.node(node.inputs[0]).learnt:
            yield _still(node, loudness)
            return


def _still(node: Node, loudness: float) -> Finding:
    """Of a norm whose inputs are as loud as those it learnt from, and whose outputs are not."""
    return Finding(
        "exploding-forward", "critical" if loudness > FOREIGN**2 else "warning", node.path,
        f"outputs {loudness:.3g} times as large as its scale asks for", "as large: its inputs fit its "
        "statistics",
        f"some running variances of {node.path} are next to 0, of channels that never varied while they were "
        "learnt: whatever differs there now is divided by next to nothing; let it learn its statistics anew",
        paths=(node.path,),
    )  # fmt: skip


def _foreign(table: Table, node: Node, size: float, known: tuple[float, float]) -> Finding:
    quiet = size < known[0]
    what = "all inputs look the same behind it" if quiet else "it hands on what is far too loud"
    return Finding(
        "vanishing-forward" if quiet else "exploding-forward", "warning", node.path,
        f"signals of root mean square {size:.3g}",
        f"standard deviations between {known[0]:.3g} and {known[1]:.3g}, by its running statistics",
        f"{node.path} runs on statistics of data of another scale, so {what}: give inputs as they were "
        "scaled when the model was trained, or let it learn its statistics anew",
        paths=(node.path,),
    )  # fmt: skip
