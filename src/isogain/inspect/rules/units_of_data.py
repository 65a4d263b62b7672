"""Data as they came, before the first layer: one offset, or that constants make one; far larger than 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.mending import RAW, smaller_inputs
from isogain.inspect.table import Table

__all__ = ["faint_inputs", "foreign_units", "offset_inputs", "raw_inputs", "same_inputs"]

ALIKE = 1e-3
"""1 - cosine of samples below which a layer needs thousands of steps for what differs, for each that it needs
for what they share: the eigenvalues of its input's second moment are as one to the other."""
LOST = 30.0**2
"""Times that the raw inputs differ more; squares of lengths."""
SAME = 1e-10
"""What rounding leaves of samples that are one."""
STEPS = 6
"""Constants that are looked through."""
ENTERING = 3.0
"""Root mean square of what a layer makes of raw inputs from which on it hands their size on."""
QUIET, HEARD = 0.02, 0.05
"""Largest input, and root mean square of what layers make, below which samples are hardly heard."""
FEATURES = 4
"""Numbers a sample below which the inputs may be coordinates, or times."""


@dataclass(frozen=True)
class Shifted:
    """A layer whose input hardly differs between samples, though the raw input does."""

    reader: Node
    shift: Node
    raw: int


def foreign_units(table: Table) -> Iterator[Finding]:
    """Constants (a mean and a deviation) that take the difference between samples away, before any layer."""
    found = next((one for node in table.graph.nodes for one in _shifted(table, node)), None)
    if found is None:
        return
    raw, seen = table.forward[found.raw], table.forward[found.shift.index]
    offset = abs(seen.mean - raw.mean)
    factor = offset / raw.mean if raw.mean > 0 else math.nan
    yield Finding(
        "vanishing-forward", "warning", place(found.shift),
        f"inputs of mean {raw.mean:.3g} and deviation {raw.std:.3g}, moved by {offset:.3g}: samples differ "
        f"by {math.sqrt(seen.distance):.1g} of their size",
        f"as much as before, {math.sqrt(raw.distance):.2g}",
        f"the constants that normalise the inputs at {place(found.shift)} belong to data in another unit "
        f"(0 to 255 against 0 to 1, say): what {place(found.reader)} reads is one offset for all samples",
        paths=(place(found.shift), place(found.reader)),
        mends=(Fix((Change("inputs", text=f"{1 / factor:.3g}"),)),) if factor > 1 else (),
    )  # fmt: skip


def offset_inputs(table: Table) -> Iterator[Finding]:
    """Raw inputs of which a layer sees little but what all samples share: far from 0, and never centred."""
    for node in table.graph.nodes:
        way = _constants(table, node) if node.kind == "weight" and not table.in_loss(node) else []
        raw = table.forward.get(way[-1].index) if way and way[-1].kind == "input" else None
        plain = all(
            one.kind in ("shape", "concatenate") for one in way[:-1]
        )  # coordinates beside a field, say
        if raw is None or not plain or math.prod(way[-1].shape[1:]) < FEATURES:
            continue
        if SAME < raw.distance < ALIKE and raw.std < abs(raw.mean) / math.sqrt(LOST):
            yield Finding(
                "vanishing-forward", "warning", place(node),
                f"inputs of mean {raw.mean:.3g} and deviation {raw.std:.3g}",
                "a mean of 0, or one that the deviation is not small against",
                f"what {place(node)} reads is one offset for all samples, {abs(raw.mean) / raw.std:.3g} "
                "times what tells them apart: the first steps only follow it; centre and scale the inputs",
                paths=(place(node),),
                mends=_standardised(table, way[-1]),
            )  # fmt: skip
            return


def raw_inputs(table: Table) -> Iterator[Finding]:
    """Pixels up to 255, decibels, degrees: numbers far larger than 1 that a layer reads as they came."""
    for node in table.graph.nodes:
        read = _read(table, node) if _layer(table, node) else None
        if read is None or not _hands_on(table, node):
            continue
        if any(foreign_units(table)) or any(offset_inputs(table)):
            return  # which say more
        raw = table.forward[read.index]
        yield Finding(
            "exploding-forward", "warning", place(node),
            f"inputs of mean {raw.mean:.3g} and deviation {raw.std:.3g}",
            "root mean square about 1",
            f"{place(node)} reads raw numbers as they came (pixels, decibels, columns of a table), "
            f"{raw.rms:.3g} times what starts are made for, and no norm follows: signals and first gradients "
            "are as many times too large; standardise the inputs",
            paths=(place(node),), mends=_standardised(table, read),
        )  # fmt: skip
        return


def faint_inputs(table: Table) -> Iterator[Finding]:
    """Inputs near 0 that no norm and no weight makes larger: pixels divided by 255 twice, volts, metres."""
    layers = [one for one in table.graph.nodes if _layer(table, one)]
    first = next((one for one in layers if _constants(table, one)), None)
    way = [] if first is None else _constants(table, first)
    read = next((one for one in way if one.index in table.forward), None)
    if first is None or read is None:
        return
    raw, made = table.forward[read.index], [table.forward.get(one.index) for one in layers]
    sizes = [math.inf if seen is None else seen.rms for seen in made]
    normed = any(one.kind == "norm" for one in table.graph.nodes)
    if not (raw.finite and 0 < raw.largest < QUIET and 0 < max(sizes) < HEARD) or normed:
        return
    yield Finding(
        "vanishing-forward", "warning", place(first),
        f"inputs of at most {raw.largest:.2g}, of which layers make {max(sizes):.2g} at most",
        "root mean square about 1",
        f"{place(first)} reads numbers near 0 as they came (pixels divided by 255 twice, volts, metres of a "
        "molecule), and no norm follows: weights have to grow, or learn, as many times more before an answer "
        "depends on them; standardise the inputs",
        paths=(place(first),), mends=_standardised(table, read) if read.kind == "input" else (),
    )  # fmt: skip


def _layer(table: Table, node: Node) -> bool:
    return node.kind in ("weight", "recurrent") and not table.in_loss(node)


def same_inputs(table: Table) -> Iterator[Finding]:
    """Samples that are one, though what is asked of them differs: something was lost before the model."""
    asked = next((use for use in table.losses if 1 < use.differing == table.batch), None)
    reader = next((node for node in table.graph.nodes if node.parameters and node.inputs), None)
    if asked is None or reader is None:
        return
    if table.input_distance == 0:
        yield _same(
            reader, f"{table.batch} samples that are the same, bit for bit",
            f"all samples of the batch are one, and {asked.kind} asks different answers of them: all that "
            "can be learnt is how often each occurs; look at what came before the model (tokens divided like "
            "pixels and cut to whole numbers, a sample repeated, a row where a column was meant)",
        )  # fmt: skip
    elif _one_answer(table):
        yield _same(
            reader, f"the features of all {table.batch} samples are one, and so are the answers",
            f"the features of all samples are one, and what else comes in (how they are connected, say) "
            f"makes no answers differ, which {asked.kind} asks for: give features that tell samples apart",
        )  # fmt: skip


def _same(reader: Node, measured: str, why: str) -> Finding:
    return Finding(
        "constant-output", "critical", place(reader), measured, "samples that differ, as their targets do",
        why, paths=(place(reader),),
    )  # fmt: skip


def _one_answer(table: Table) -> bool:
    """Whether all that was measured of the inputs is one for all samples, and all answers are."""
    inputs = [one.index for one in table.graph.nodes if one.kind == "input" and one.index in table.forward]
    seen = [table.forward.get(index) for index in (*inputs, *table.graph.outputs)]
    return bool(inputs) and all(one is not None and one.rms > 0 and abs(one.distance) < SAME for one in seen)


def _read(table: Table, node: Node) -> Node | None:
    """The loudest input that a layer reads as it came, if that is far from 1."""
    sources = [table.node(one) for one in node.inputs]
    while len(sources) == 1 and sources[0].index not in table.forward and _rearranges(sources[0]):
        sources = [table.node(one) for one in sources[0].inputs]
    if len(sources) == 1 and sources[0].kind == "concatenate":
        sources = [table.node(one) for one in sources[0].inputs]
    known = [one for one in sources if one.index in table.forward and one.kind == "input"]
    loud = max(known, key=lambda one: table.forward[one.index].rms, default=None)
    return loud if loud is not None and RAW < table.forward[loud.index].rms < math.inf else None


def _rearranges(node: Node) -> bool:
    """Whether it leaves numbers as they are, or the largest or the mean of some."""
    return node.kind in ("shape", "pool") or node.op == "flip"


def _hands_on(table: Table, node: Node) -> bool:
    """Whether what the layer makes is loud, and something else than a norm reads it."""
    made = table.forward.get(node.index)
    readers = map(table.node, table.graph.consumers[node.index])
    return made is not None and made.rms > ENTERING and not all(one.kind == "norm" for one in readers)


def _standardised(table: Table, read: Node) -> tuple[Fix, ...]:
    """Inputs of one tensor are centred and scaled, or made smaller."""
    raw = table.forward[read.index]
    centred = Fix((Change("standardise", text=f"{raw.mean:.6g} {raw.std:.6g}"),))
    plain = sum(one.kind == "input" for one in table.graph.nodes) == 1
    return (centred if plain and raw.std > 0 else Fix(), smaller_inputs(table))


def _shifted(table: Table, node: Node) -> Iterator[Shifted]:
    """The constant sum between an input and a layer that leaves samples alike."""
    if node.kind not in ("weight", "recurrent") or table.in_loss(node):
        return
    way = _constants(table, node)
    raw = table.forward.get(way[-1].index) if way and way[-1].kind == "input" else None
    if raw is None or not raw.distance > 0:
        return
    for one in way[:-1]:
        seen = table.forward.get(one.index) if one.kind == "add" else None
        if seen is not None and SAME < seen.distance < min(ALIKE, raw.distance / LOST):
            yield Shifted(node, one, way[-1].index)


def _constants(table: Table, node: Node) -> list[Node]:
    """What a layer reads, back to the input, as long as constants and shapes alone lie between."""
    way: list[Node] = []
    while len(way) < STEPS and len(node.inputs) == 1:
        node = table.node(node.inputs[0])
        if node.learnt or node.kind not in ("input", "add", "multiply", "shape", "concatenate"):
            return []
        way.append(node)
    return way
