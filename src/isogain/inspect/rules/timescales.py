"""time-scale: how fast sines turn, and how fast states forget."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from isogain.graph import Node, carried
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import Fix
from isogain.inspect.looks import Angles, Decays, Look
from isogain.inspect.mending import sized
from isogain.inspect.rules.sines import weight_before
from isogain.inspect.table import Table

__all__ = ["ROWS", "forgetful_decays", "time_scale"]

ASKED = 3.0
"""Factor in front of a sine from which its author asks for frequencies of that size."""
OFF = 3.0
"""Times off the expected angle; first layers drawn by other published laws stay within about 2."""
EXACT = 0.25
"""Radians: an error of the angle that leaves neighbouring places apart."""
ROWS = 8
"""Observations below which a batch may simply lie at one place."""
FORGETS = (0.5, 1.0, 2.0)
"""Rates of the slowest state to note, to warn and to call critical: an LSTM without biases loses ln 2 a step
and still learns; beyond 1 what was held is gone with the next step."""
STILL = (math.pi / 100, 0.25)
"""Radians that the fastest channel spreads over below which it does not bend: where the batch may be one
place of many, or steps may change them, and elsewhere.  Times from 0 to 1 spread by .29, and train."""
KIN, SLOW = 0.3, 0.1
"""Mean cosine between a grid's neighbours below which their features have little in common, where even the
slowest tenth of the channels turn: between the places an error of a fifth of the variance is left then."""
ROUND, STRANGE = math.pi / 2, 0.05
"""The same of places that are no grid: a quarter turn, and a mean cosine that chance alone leaves."""
NEAR = 4
GONE = 16.0
"""Logarithm of what a whole sequence leaves of its first step from which on that is nothing: 1e-7."""


def time_scale(table: Table) -> Iterator[Finding]:
    """Sines that hardly turn, or beyond what batch or type resolve; states that forget at once."""
    angles = [(look, look.seen) for look in table.looks if isinstance(look.seen, Angles)]
    yield from _inexact(angles)
    yield from _still(table, angles)
    yield from _aliased(table, angles)
    yield from _sine_layers(table, angles)
    yield from _decays(table)


def _finding(look: Look, severity: Severity, measured: str, expected: str, why: str,
             paths: tuple[str, ...] = (), mends: tuple[Fix, ...] = ()) -> Finding:  # fmt: skip
    path = f"{look.path} ({look.op})" if look.path else f"({look.op})"
    path = pattern(list(paths)) if len(paths) > 1 else path
    return Finding("time-scale", severity, path, measured, expected, why, "", paths, mends)


def _inexact(angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Angles too large for their type."""
    blurred = [(look, seen) for look, seen in angles if seen.rounding > EXACT]
    if blurred:
        look, seen = max(blurred, key=lambda one: one[1].rounding)
        yield _finding(
            look, "critical" if seen.rounding > math.pi else "warning",
            f"angles up to {seen.largest:.3g}, known to {seen.rounding:.2g} radians",
            f"an error below {EXACT:g} radians",
            "what is left of the angle after whole turns is rounding: frequencies are not what "
            "was meant, or their "
            "type is too coarse for these positions (work them out in float32)",
        )  # fmt: skip


def _places(table: Table, look: Look) -> bool:
    """Whether angles are an encoding of places or times: made of raw inputs by one map at most."""
    if look.node is None or not table.node(look.node).learnt:
        return not look.parameters
    maps, frontier = 0, set(table.node(look.node).inputs)
    for _ in range(NEAR):
        learnt = [one for one in map(table.node, frontier) if one.learnt]
        if any(one.kind not in ("multiply", "add", "shape", "weight") for one in learnt):
            return False
        maps += sum(one.kind == "weight" for one in learnt)
        frontier = {k for one in learnt for k in one.inputs}
    return maps < 2 and not frontier


def _still(table: Table, angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Encodings whose fastest channel does not turn."""
    fixed = [one for one in angles if _places(table, one[0])]
    enough = [(look, seen) for look, seen in fixed if seen.observations >= ROWS]
    if not enough or any(_turns(table, *one) for one in enough):
        return
    look, seen = max(enough, key=lambda one: one[1].fastest)
    weights = [weight for one, _ in enough if (weight := weight_before(table, one)) is not None]
    names = {node.weight.name: math.pi / seen.fastest for node in weights if node.weight and seen.fastest}
    yield _finding(
        look, "warning",
        f"angles spread by {seen.fastest:.2g} radians at most over {seen.observations} places",
        "turns: the fastest channel tells neighbours apart",
        "sines this close to 0 are straight lines and cosines are 1: all places look the "
        "same to what follows "
        "(frequencies of 0, or coordinates and times in another unit than the frequencies were made for)",
        mends=(sized(table, names),) if names else (),
    )  # fmt: skip


def _turns(table: Table, look: Look, seen: Angles) -> bool:
    """Whether the fastest channel bends; trained ones may yet, and a batch far from 0 may be one place."""
    made = () if look.node is None else table.behind(look.node)
    trained = any(table.graph.by_parameter[name].trainable for one in made for name in one.parameters)
    lenient = trained or seen.rms > 4 * seen.spread
    return seen.fastest > (STILL[0] if lenient else STILL[1]) or (seen.constant and seen.rms > 0)


def _aliased(table: Table, angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Encodings in which nearest neighbours have nothing in common: even slow channels turn by half a circle,
    or on a grid, whose places are all there, the channels point anywhere."""
    fixed = [one for one in angles if _places(table, one[0]) and one[0].node is not None]
    seen = [one for _, one in fixed]
    if not fixed or not all(one.observations >= 8 * ROWS and _unrelated(one) for one in seen):
        return
    look, worst = min(fixed, key=lambda one: one[1].nearest)
    yield _finding(
        look, "warning",
        f"{worst.nearest:.3g} radians between nearest neighbours in the slowest channels; mean cosine over "
        f"channels {worst.kinship:.2g}",
        "below pi: half a turn" if worst.nearest > math.pi else "neighbours that turn alike",
        "neighbours get unrelated features, so the network can learn each sample by heart "
        "and nothing between",
        mends=_slower(table, fixed),
    )  # fmt: skip


def _unrelated(seen: Angles) -> bool:
    grid = seen.regular and seen.kinship < KIN and seen.nearest > SLOW
    return seen.nearest > math.pi or grid or (seen.nearest > ROUND and abs(seen.kinship) < STRANGE)


def _slower(table: Table, fixed: list[tuple[Look, Angles]]) -> tuple[Fix, ...]:
    """Trained frequencies brought to a size at which neighbours have most in common."""
    found = [(weight_before(table, look), seen) for look, seen in fixed]
    names = {node.weight.name: SLOW / 8 / seen.nearest for node, seen in found if node and node.weight}
    return (sized(table, names),) if names else ()


def _sine_layers(table: Table, angles: list[tuple[Look, Angles]]) -> Iterator[Finding]:
    """Layers w -> (factor) -> sine: the first sets the frequencies, the others keep angles of size 1."""
    found: dict[bool, list[SineLayer]] = {True: [], False: []}
    for look, seen in angles:
        layer = _sine_layer(table, look, seen)
        if layer is not None and layer.off:
            found[layer.first].append(layer)
    for members in found.values():
        if members:
            yield _off(table, members)


@dataclass(frozen=True)
class SineLayer:
    """A weight in front of a factor and a sine."""

    weight: Node
    spread: float
    """Of the angles over the batch."""
    expected: float
    factor: float
    first: bool
    """Whether it reads the coordinates themselves."""

    @property
    def off(self) -> bool:
        """Whether a first layer turns too little, or a hidden one too much."""
        ratio = self.spread / self.expected
        return ratio < 1 / OFF if self.first else ratio > math.pi


def _sine_layer(table: Table, look: Look, seen: Angles) -> SineLayer | None:
    weight = weight_before(table, look)
    made = table.forward.get(weight.index) if weight is not None else None
    if weight is None or made is None or not made.rms > 0 or seen.rms < ASKED * made.rms:
        return None
    factor, first = seen.rms / made.rms, not any(table.node(one).learnt for one in weight.inputs)
    expected = _first_angle(table, weight, factor) if first else 1.0
    return SineLayer(weight, seen.spread, expected, factor, first) if expected > 0 else None


def _first_angle(table: Table, weight: Node, factor: float) -> float:
    """factor * std(x) / sqrt(3 n): weights U(-1/n, 1/n) in front of sin(factor z) (Sitzmann et al. 2020)."""
    fans = weight.weight.fans if weight.weight else None
    sizes = [table.forward[one].std for one in weight.inputs if one in table.forward]
    return factor * sizes[0] / math.sqrt(3 * fans.fan_in) if fans and sizes else math.nan


def _off(table: Table, members: list[SineLayer]) -> Finding:
    worst = max(members, key=lambda one: abs(math.log(one.spread / one.expected)) if one.spread else math.inf)
    why = (
        f"the factor {worst.factor:.3g} in front of the sine asks for frequencies of that size, "
        "but the first "
        "layer's weights are drawn like a hidden layer's, divided by it: the network stays a smooth function"
        if worst.first else
        f"the factor {worst.factor:.3g} is not divided out of the weights: angles run over whole turns, so "
        "outputs are a hash of the inputs and each layer multiplies the gradient"
    )  # fmt: skip
    factors = {
        one.weight.weight.name: one.expected / one.spread
        for one in members
        if one.weight.weight and one.spread
    }
    paths = tuple(dict.fromkeys(place(one.weight) for one in members))
    return Finding(
        "time-scale", "warning", pattern(list(paths)),
        f"angles that vary by {worst.spread:.3g} over the batch",
        f"about {worst.expected:.3g}" + (", by U(-1/n, 1/n) before the factor" if worst.first else ""),
        why, paths=paths, mends=(sized(table, factors),),
    )  # fmt: skip


def _decays(table: Table) -> Iterator[Finding]:
    """Factors exp(-rate) of states, against the length of the sequence."""
    length = _length(table)
    slow = [(look, seen) for look, seen in _states(table) if seen.fastest * length < 1 / ROWS**2]
    yield from forgetful_decays(table)
    if slow:
        yield _unmoved(slow, length)


def _states(table: Table) -> list[tuple[Look, Decays]]:
    """The decays of states, of sequences long enough to be remembered."""
    found = [(look, look.seen) for look in table.looks if isinstance(look.seen, Decays)]
    last = {look.parameters: look for look, _ in found if look.node is None}  # of exp(-exp(a)) the outer one
    found = [one for one in found if one[0].node is not None or one[0] is last[one[0].parameters]]
    return [(look, seen) for look, seen in found if _of_a_state(table, look) and _length(table) >= ROWS]


def _length(table: Table) -> int:
    return max((n.shape[1] for n in table.graph.nodes if n.kind == "input" and len(n.shape) > 1), default=0)


def forgetful_decays(table: Table) -> Iterator[Finding]:
    """States of which nothing is left after a step or two."""
    found = [(look, seen) for look, seen in _states(table) if seen.slowest > FORGETS[0]]
    if found:
        yield _forgetful(found, _length(table))


def _forgetful(found: list[tuple[Look, Decays]], length: int) -> Finding:
    look, seen = max(found, key=lambda one: one[1].slowest)
    rate = seen.slowest
    gone = rate > FORGETS[1] or rate * length > GONE
    return _finding(
        look, "critical" if rate > FORGETS[2] else "warning" if gone else "info",
        f"the slowest states keep exp(-{rate:.2g}) from one step to the next",
        f"memories of up to {length} steps",
        "rates (time step times decay) are too large: what the state held is gone after a step "
        "or two, and no "
        "gradient reaches earlier ones; the time steps were not drawn (their bias is 0, say)",
        paths=_paths(found),
    )  # fmt: skip


def _unmoved(found: list[tuple[Look, Decays]], length: int) -> Finding:
    look, seen = min(found, key=lambda one: one[1].fastest)
    return _finding(
        look, "warning",
        f"the fastest states lose {seen.fastest * length:.2g} of what they hold in {length} steps",
        "memories from a step up to the whole sequence",
        "rates (time step times decay) are too small: the state sums up all steps alike, and each step "
        "writes as little as it forgets", paths=_paths(found),
    )  # fmt: skip


def _paths(found: Sequence[tuple[Look, object]]) -> tuple[str, ...]:
    """The modules, or the parameters where these are the whole model's."""
    names = ([look.path] if look.path else look.parameters for look, _ in found)
    return tuple(dict.fromkeys(name for one in names for name in one))


def _of_a_state(table: Table, look: Look) -> bool:
    """Whether a parameter and what is positive make the exponent, as in exp(A dt), or steps are written."""
    if look.node is None:
        return len(look.parameters) > 1 or any(carried(table.graph, one) >= ROWS for one in look.parameters)
    before = [table.node(one) for one in table.node(look.node).inputs]
    if not any(one.parameters and one.kind in ("multiply", "product", "weight") for one in before):
        return False
    readers = table.graph.consumers[look.node]
    near = {*readers, *(later for one in readers for later in table.graph.consumers[one])}
    return any(table.node(one).kind == "multiply" for one in near)
