"""vanishing-forward where signals meet: what is lost beside something that is many times as large."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from statistics import median

from isogain.graph import Node
from isogain.inspect.blame import off_by
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import under_shapes
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.looks import Rows
from isogain.inspect.mending import sized, zeroed
from isogain.inspect.table import Table

__all__ = ["drowned_data", "drowned_places", "drowned_positions", "drowning_biases", "loud_tables"]

LOUD = (10.0, 1000.0)
"""Size of a learnt constant over that of the data it is added to, to warn and to call it critical."""
BURIED = 20.0
"""Size of data over that of a constant table added to them: it cannot grow, and in an attention's logits its
products with itself are as its square."""
LOST = (30.0, 100.0)
"""The same for learnt positions, which grow: at 23 times, where sequence models start that multiply tokens of
size d^-.5 by sqrt(d), they still do in time; at 50 a question of order takes twice as many steps, which is to
be known; at 100 it is wrong."""
LARGE = 3.0
"""Root mean square that no embedding needs, N(0, 1) and factors of sqrt(width) aside."""
ASIDE = 30.0
"""Times the others that stand beside it, or are added to it."""
ALL, APART = 0.9, 1e-4
"""A bias's share of what its layer hands on, and what is left there of 1 - cosine between samples."""


@dataclass(frozen=True)
class Drowned:
    """What data give to a sum, and what they do not."""

    quiet: float
    loud: float
    maker: str
    """The parameter that makes the loud one; none for a constant."""
    data: str = ""
    """The parameter that makes the quiet one, where that has to change."""


def drowned_data(table: Table) -> Iterator[Finding]:
    """Tokens beside positions, or a signal beside an offset: far too quiet for what is added to them."""
    data = sum(1 << node.index for node in table.graph.nodes if node.kind == "input")
    found = [one for node in table.graph.nodes if node.kind == "add" for one in _summands(table, node, data)]
    worst = max(found, key=lambda one: one.loud / one.quiet, default=None)
    if worst is not None and worst.loud > LOUD[0] * worst.quiet:
        yield _finding(table, worst)


def _finding(table: Table, found: Drowned) -> Finding:
    name, share = found.maker or found.data, found.quiet / found.loud
    severity: Severity = "critical" if found.loud > LOUD[1] * found.quiet else "warning"
    why = f"{name} drowns what it is added to: a norm behind the sum leaves {share:.1g} of the data"
    if not found.maker:
        why = (
            f"what {name} makes drowns in the constant added to it: a norm behind the sum leaves {share:.1g}"
        )
    return Finding(
        "vanishing-forward", severity, name,
        f"root mean square {found.quiet:.3g} of the data beside {found.loud:.3g} that is the same for every "
        "sample",
        "of one size, or the data the larger", why,
        paths=(name,), mends=(sized(table, {name: share if found.maker else 1 / share}), RESTART),
    )  # fmt: skip


def _summands(table: Table, node: Node, inputs: int) -> Iterator[Drowned]:
    fed = [one for one in node.inputs if table.makers[one] & inputs]
    # without a norm an offset takes nothing from the data: a bias far from 0 may be meant
    if not fed or table.in_loss(node) or table.graph.following(node.index, ("norm",), 3) is None:
        return
    if len(node.inputs) == 1:
        sizes = {name: table.parameters[name].rms for name in node.parameters if name in table.parameters}
        yield from _beside(table, fed[0], sizes) if sizes else _beside_a_constant(table, node, fed[0])
    for one, data in product(node.inputs, fed):
        if not table.makers[one] & (inputs | table.makers[data]) and one in table.forward:
            name = _maker(table, one)
            yield from _beside(table, data, {name: table.forward[one].rms} if name else {})


def _beside(table: Table, data: int, sizes: Mapping[str, float]) -> Iterator[Drowned]:
    quiet = _size(table, data)
    if 0 < quiet < math.inf:
        for name, size in sizes.items():
            use = table.graph.by_parameter[name]
            # what the data's summand was made with is no stranger to it: a class token that asks the patches
            if use.trainable and not any(table.makers[data] >> one & 1 for one in use.nodes):
                yield Drowned(quiet, size, name)


def _size(table: Table, index: int) -> float:
    """Root mean square of a signal, worked out from the one before it where a number multiplies that."""
    seen, node = table.forward.get(index), table.node(index)
    if seen is not None:
        return seen.rms if seen.finite else math.nan
    if len(node.inputs) == 1 and not node.parameters and ("factor" in node.settings or node.kind == "shape"):
        return abs(node.settings.get("factor", 1.0)) * _size(table, node.inputs[0])
    return math.nan


def _rows(table: Table, node: Node) -> Rows | None:
    """The constant table that was seen to be added here."""
    looks = (one.seen for one in table.looks if one.node == node.index)
    return next((one for one in looks if isinstance(one, Rows)), None)


def _made_by(table: Table, index: int) -> Node | None:
    """The layer that makes a signal, factors aside."""
    node = table.node(index)
    return node if node.weight is not None else table.graph.preceding(index, ("embedding", "weight"), 2)


def _beside_a_constant(table: Table, node: Node, data: int) -> Iterator[Drowned]:
    """A table of places that is no parameter; of one number added to all, the spread says that it is none."""
    seen, summed = table.forward.get(data), table.forward.get(node.index)
    made = _made_by(table, data)
    if made is not None and made.weight is not None and (rows := _rows(table, node)) is not None:
        if rows.signal > 0:
            yield Drowned(rows.signal, rows.rms, "", made.weight.name)
        return
    if seen is None or summed is None or made is None or made.weight is None or not 0 < seen.rms < math.inf:
        return
    yield Drowned(seen.rms, math.sqrt(max(summed.std**2 - seen.rms**2, 0.0)), "", made.weight.name)


def _maker(table: Table, index: int) -> str:
    """The first parameter that a node is made of."""
    return next((name for one in table.behind(index) for name in one.parameters), "")


def drowning_biases(table: Table) -> Iterator[Finding]:
    """Layers whose bias is all that they hand on: it is the same for every sample."""
    for node in table.graph.nodes:
        bias = table.parameters.get(node.weight.bias or "") if node.weight else None
        seen, before = (table.forward.get(one) for one in (node.index, *(*node.inputs, -1)[:1]))
        if bias is None or node.weight is None or seen is None or before is None:
            continue
        if bias.rms > ALL * seen.rms and seen.distance < APART * before.distance:
            yield Finding(
                "vanishing-forward", "critical", place(node),
                f"1 - cosine between samples {before.distance:.2g} -> {seen.distance:.2g}",
                "a bias no larger than what weights make",
                f"the bias of {place(node)} has root mean square {bias.rms:.3g}, and what its weights (gain "
                f"{node.weight.gain:.2g}) make of a sample is next to nothing beside it",
                paths=(bias.name,), mends=_without(table, node),
            )  # fmt: skip


def _without(table: Table, node: Node) -> tuple[Fix, ...]:
    """The bias at 0; its weights at the gain that they need, too, where they are the quieter for it."""
    if node.weight is None or node.weight.bias is None:
        return ()
    zero, off = zeroed(table, [node.weight.bias]), off_by(table, node)
    return zero, zero + sized(table, {node.weight.name: 10**-off}) if off < 0 else zero


def drowned_places(table: Table) -> Iterator[Finding]:
    """Constant tables of positions that drown in the data they are added to: no step makes them larger."""
    for node in table.graph.nodes:
        rows = _rows(table, node) if node.kind == "add" and not node.parameters else None
        if rows is None or not node.learnt or not rows.signal > BURIED * rows.rms > 0:
            continue
        made = _made_by(table, node.inputs[0])
        if made is None or made.weight is None or table.graph.following(node.index, ("norm",), 3) is None:
            continue
        share = rows.rms / rows.signal
        yield Finding(
            "vanishing-forward", "warning", place(made),
            f"positions of size {rows.rms:.3g} added to data of size {rows.signal:.3g}",
            "of one size",
            f"what {made.weight.name} makes drowns the positions that are added to it: a norm behind the sum "
            f"leaves {share:.2g} of them, and they are constants, which do not grow",
            paths=(place(made),), mends=(sized(table, {made.weight.name: share}),),
        )  # fmt: skip
        return


def drowned_positions(table: Table) -> Iterator[Finding]:
    """Learnt positions that drown in an embedding's rows, as where these are multiplied by sqrt(width)."""
    for node in table.graph.nodes:
        names = [name for name in node.parameters if node.kind == "add" and _fits(table, name, node)]
        made = _made_by(table, node.inputs[0]) if names and len(node.inputs) == 1 else None
        summed = table.forward.get(node.index)
        if made is None or made.kind != "embedding" or made.weight is None or summed is None:
            continue
        size = max(table.parameters[name].rms for name in names)
        normed = table.graph.following(node.index, ("norm",), 3) is not None
        if normed and summed.finite and summed.rms > LOST[0] * size > 0:
            yield _lost(table, made.weight.name, names, summed.rms, size)
            return


def _fits(table: Table, name: str, node: Node) -> bool:
    """Whether a trained table has a row for each position, as wide as the signal."""
    use, shape = table.graph.by_parameter[name], node.shape
    several = len(use.shape) > 1 and len(shape) > 2 and use.shape[-1] == shape[-1]
    return use.trainable and name in table.parameters and several and use.shape[-2] >= shape[-2] > 1


def _lost(table: Table, tokens: str, names: list[str], loud: float, quiet: float) -> Finding:
    return Finding(
        "vanishing-forward", "warning" if loud > LOST[1] * quiet else "info", pattern(names),
        f"positions of size {quiet:.3g} added to tokens of size {loud:.3g}", "of one size",
        f"{pattern(names)} drowns in what {tokens} gives: a norm behind the sum leaves {quiet / loud:.1g} "
        "of it, and usual steps take long to make it felt: tokens and positions of one size learn an order "
        "sooner (a factor of sqrt(width) on tokens that have the size of 1 already makes it worse)",
        paths=(*names, tokens),
        mends=(
            sized(table, {tokens: quiet / loud}), sized(table, dict.fromkeys(names, loud / quiet)), RESTART,
        ),
    )  # fmt: skip


def loud_tables(table: Table) -> Iterator[Finding]:
    """Embeddings many times as large as what they are joined with or added to, before any norm."""
    found = {name: pair for node in table.graph.nodes for name, pair in _louder(table, node)}
    if not found:
        return
    names = tuple(found)
    size, others = max(found.values(), key=lambda pair: pair[0] / pair[1])
    yield Finding(
        "exploding-forward", "warning", pattern(names), f"root mean square {size:.3g} beside {others:.3g}",
        "of one size with what stands beside it",
        f"the rows of {pattern(names)} are {size / others:.3g} times as large as what they are joined with: "
        "the layers behind see little else, and the rest hardly learns",
        paths=names, mends=(sized(table, {name: pair[1] / pair[0] for name, pair in found.items()}), RESTART),
    )  # fmt: skip


def _louder(table: Table, node: Node) -> Iterator[tuple[str, tuple[float, float]]]:
    """(embedding, (its size, the median of the other pieces)) for each that is far larger."""
    if node.kind not in ("concatenate", "add") or table.in_loss(node):
        return
    pieces = [(_entry(table, one), table.forward[one].rms) for one in _pieces(table, node)]
    for number, (name, size) in enumerate(pieces):
        rest = [other for k, (_, other) in enumerate(pieces) if k != number and other > 0]
        if name and rest and size > LARGE and size > ASIDE * median(rest):
            yield name, (size, median(rest))


def _pieces(table: Table, node: Node) -> Iterator[int]:
    """The measured signals that are joined here, shapes and sums of further ones looked through."""
    for one in (under_shapes(table, table.node(index)) for index in node.inputs):
        if node.kind == one.kind == "add":
            yield from _pieces(table, one)
        elif one.index in table.forward and table.forward[one.index].finite:
            yield one.index


def _entry(table: Table, index: int) -> str:
    """The trained table whose rows these are; '' for anything else."""
    node = table.node(index)
    use = table.graph.by_parameter.get(node.weight.name) if node.kind == "embedding" and node.weight else None
    return use.name if use is not None and use.trainable else ""
