"""time-scale: how fast sines turn, and how fast states forget."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.looks import Angles, Decays, Look
from isogain.inspect.table import Table

__all__ = ["time_scale"]

ASKED = 3.0
"""Factor in front of a sine from which its author asks for frequencies of that size."""
OFF = 3.0
"""Times off the expected angle; first layers drawn by other published laws stay within about 2."""
EXACT = 0.25
"""Radians: an error of the angle that leaves neighbouring places apart."""
ROWS = 8
"""Observations below which a batch may simply lie at one place."""
FORGETS = 2.0
"""Steps: a state that keeps less than exp(-1/2) from each step to the next remembers no sequence."""


def time_scale(table: Table) -> Iterator[Finding]:
    """Sines that hardly turn or turn beyond what the batch or the type resolves; states that forget at once."""
    angles = [(look, look.seen) for look in table.looks if isinstance(look.seen, Angles)]
    yield from _inexact(angles)
    yield from _still(table, angles)
    yield from _aliased(table, angles)
    yield from _sine_layers(table, angles)
    yield from _decays(table)


def _finding(look: Look, severity: Severity, measured: str, expected: str, why: str, fix: str = "") -> Finding:
    path = f"{look.path} ({look.op})" if look.path else f"({look.op})"
    return Finding("time-scale", severity, path, measured, expected, why, fix)


def _inexact(angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Angles too large for their type."""
    blurred = [(look, seen) for look, seen in angles if seen.rounding > EXACT]
    if blurred:
        look, seen = max(blurred, key=lambda one: one[1].rounding)
        yield _finding(
            look, "critical" if seen.rounding > math.pi else "warning",
            f"angles up to {seen.largest:.3g}, known to {seen.rounding:.2g} radians",
            f"an error below {EXACT:g} radians",
            "what is left of the angle after whole turns is rounding: frequencies are not what was meant, or their "
            "type is too coarse for these positions (work them out in float32)",
        )  # fmt: skip


def _fixed(table: Table, look: Look) -> bool:
    """Whether no parameter makes the angles: an encoding of places or times."""
    return not look.parameters and (look.node is None or not table.node(look.node).learnt)


def _still(table: Table, angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Encodings whose fastest channel does not turn."""
    fixed = [one for one in angles if _fixed(table, one[0])]
    enough = [(look, seen) for look, seen in fixed if seen.observations >= ROWS]
    moving = [seen for _, seen in enough if seen.fastest > math.pi / 100 or (seen.constant and seen.rms > 0)]
    if enough and not moving:
        look, seen = max(enough, key=lambda one: one[1].fastest)
        yield _finding(
            look, "warning", f"angles spread by {seen.fastest:.2g} radians at most over {seen.observations} places",
            "turns: the fastest channel tells neighbours apart",
            "sines this close to 0 are straight lines and cosines are 1: all places look the same to what follows "
            "(frequencies of 0, or coordinates and times in another unit than the frequencies were made for)",
        )  # fmt: skip


def _aliased(table: Table, angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Encodings of which even the slow channels turn by half a circle between nearest neighbours."""
    fixed = [one for one in angles if _fixed(table, one[0]) and one[0].node is not None]
    if fixed and all(seen.nearest > math.pi and seen.observations >= 8 * ROWS for _, seen in fixed):
        look, seen = min(fixed, key=lambda one: one[1].nearest)
        yield _finding(
            look, "warning", f"{seen.nearest:.3g} radians between nearest neighbours in the slowest channels",
            "below pi: half a turn",
            "neighbours get unrelated features, so the network can learn each sample by heart and nothing between",
        )  # fmt: skip


def _sine_layers(table: Table, angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Layers w -> (factor) -> sine: the first sets the frequencies, the others keep angles of size 1."""
    for look, seen in angles:
        weight = _weight_before(table, look)
        if weight is None or weight.weight is None or weight.index not in table.forward:
            continue
        factor = seen.rms / table.forward[weight.index].rms if table.forward[weight.index].rms > 0 else 0.0
        if factor < ASKED:
            continue
        first = not any(table.node(one).learnt for one in weight.inputs)
        expected = _first_angle(table, weight, factor) if first else 1.0
        ratio = seen.spread / expected
        if ratio < 1 / OFF if first else ratio > math.pi:
            yield _off(weight, seen.spread, expected, factor, first)


def _weight_before(table: Table, look: Look) -> Node | None:
    """The weight that makes the angles, with nothing but factors and offsets between."""
    if look.node is None or look.op != "sin":
        return None
    index = table.node(look.node).inputs
    for _ in range(4):
        if len(index) != 1:
            return None
        node = table.node(index[0])
        if node.kind == "weight":
            return node
        if node.kind not in ("multiply", "add", "shape", "other"):
            return None
        index = node.inputs
    return None


def _first_angle(table: Table, weight: Node, factor: float) -> float:
    """factor * std(x) / sqrt(3 n): weights U(-1/n, 1/n) in front of sin(factor z) (Sitzmann et al. 2020)."""
    fans = weight.weight.fans if weight.weight else None
    sizes = [table.forward[one].std for one in weight.inputs if one in table.forward]
    return factor * sizes[0] / math.sqrt(3 * fans.fan_in) if fans and sizes else math.nan


def _off(weight: Node, size: float, expected: float, factor: float, first: bool) -> Finding:
    name = weight.weight.name if weight.weight else ""
    why = (
        f"the factor {factor:.3g} in front of the sine asks for frequencies of that size, but the first layer's "
        "weights are drawn like a hidden layer's, divided by it: the network stays a smooth function"
        if first else
        f"the factor {factor:.3g} is not divided out of the weights: angles run over whole turns, so outputs are a "
        "hash of the inputs and each layer multiplies the gradient"
    )  # fmt: skip
    return Finding(
        "time-scale", "warning", place(weight), f"angles that vary by {size:.3g} over the batch",
        f"about {expected:.3g}" + (", U(-1/n, 1/n) in front of the factor" if first else ", a turn's sixth"),
        why, f"model.get_parameter({name!r}).data.mul_({expected / size:.4g})", (place(weight),),
    )  # fmt: skip


def _decays(table: Table) -> Iterator[Finding]:
    """Factors exp(-rate) of a state, against the length of the sequence."""
    length = max((n.shape[1] for n in table.graph.nodes if n.kind == "input" and len(n.shape) > 1), default=0)
    for look in table.looks:
        if not isinstance(look.seen, Decays) or not _of_a_state(table, look) or length < ROWS:
            continue
        slow, fast = look.seen.slowest, look.seen.fastest
        if slow * FORGETS > 1:
            yield _finding(
                look, "critical" if slow > FORGETS else "warning",
                f"the slowest states keep exp(-{slow:.2g}) from one step to the next",
                f"memories of up to {length} steps", "rates (time step times decay) are too large: what the state "
                "held is gone after a step or two, and no gradient reaches earlier ones; the time steps were not "
                "drawn (their bias is 0, say)",
            )  # fmt: skip
        elif fast * length < 1 / ROWS**2:
            yield _finding(
                look, "warning", f"the fastest states lose {fast * length:.2g} of what they hold in {length} steps",
                "memories from a step up to the whole sequence",
                "rates (time step times decay) are too small: the state sums up all steps alike, and each step writes "
                "as little as it forgets",
            )  # fmt: skip


def _of_a_state(table: Table, look: Look) -> bool:
    """Whether a parameter times what is positive makes the exponent, as in exp(A dt)."""
    if look.node is None:
        return bool(look.parameters) and len(look.parameters) > 1
    node = table.node(look.node)
    before = [table.node(one) for one in node.inputs]
    makes = any(one.parameters and one.kind in ("multiply", "product", "weight") for one in before)
    return makes and any(table.node(i).kind == "multiply" for i in table.graph.consumers[node.index]) or (
        makes and any(table.node(j).kind == "multiply" for i in table.graph.consumers[node.index]
                      for j in table.graph.consumers[i])
    )  # fmt: skip
