"""off-peers: layers whose size fits a known law, but by another fan than the one they have."""

from __future__ import annotations

import math
from collections.abc import Iterator

from isogain.graph import Node, WeightUse
from isogain.inspect.causes import pattern, place
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.fixes import RESTART, Fix
from isogain.inspect.mending import sized
from isogain.inspect.table import Table

__all__ = ["wrong_fans"]

CHOSEN = {1.0: "LeCun's", math.sqrt(2): "He's"}
GAINS = CHOSEN | {1 / math.sqrt(3): "PyTorch's default"}
SAME, OTHER = 0.03, 1.3
"""Share by which sizes of one draw differ by chance; times that make a fan another one."""
OFF = (1.9, 2.2)
"""Times off the law from which it is said, and from which it is a warning: where no norm makes up for it, and
somebody chose the law (torch's default has its own fan for every transposed kernel)."""


def wrong_fans(table: Table) -> Iterator[Finding]:
    """Kernels (transposed, grouped, stored turned) and stacks of maps, drawn by a law of other axes."""
    found: dict[str, tuple[Node, float, str]] = {}
    for node in table.graph.nodes:
        use = node.weight
        if use is None or not use.gain > 0 or use.name in found:
            continue
        law = _law(use, table.graph.by_parameter[use.name].shape)
        if law is not None and not _of_one_size(table, use):
            found[use.name] = (node, *law)
    for severity in ("warning", "info"):
        members = [m for m in found.values() if _severity(table, m) == severity]
        if members:
            yield _finding(table, members, severity)


def _of_one_size(table: Table, use: WeightUse) -> bool:
    """Whether weights of several other fans have its size too: a number for all of them, and no law."""
    uses = {n.weight.name: n.weight for n in table.graph.nodes if n.weight is not None and n.weight.rms > 0}
    alike = (one.fans for one in uses.values() if one.fans and abs(one.rms / use.rms - 1) < SAME)
    own = use.fans.fan_in if use.fans else 0.0
    others = {fans.fan_in for fans in alike if not 1 / OTHER < fans.fan_in / own < OTHER} if own else set()
    return len(others) > 1


def _severity(table: Table, member: tuple[Node, float, str]) -> Severity:
    node, off, words = member
    after = table.graph.following(node.index, ("norm", "weight"), 3)
    normed = after is not None and after.kind == "norm"
    # beside a stream, as attention's heads and experts are, a stack may be as quiet as it likes
    normed = normed or (_stacked(node.weight) and node.index not in table.on_trunk)
    normed = normed or (off < 1 and not table.graph.weighed_later(node.index))  # answers may begin small
    chosen = "default" not in words or _stacked(node.weight)
    return "warning" if not normed and chosen and not 1 / OFF[1] < off < OFF[1] else "info"


def _law(use: WeightUse, stored: tuple[int, ...]) -> tuple[float, str] | None:
    """(gain over the law's, words) where the size fits a law's by other fans alone."""
    if "stack" in use.layout.split():
        return _law_of_stack(use)
    moved = len(stored) > 2 and stored != use.shape and sorted(stored) == sorted(use.shape)
    return (
        _other_law(use, stored if moved else use.shape) if use.transposed or use.groups > 1 or moved else None
    )


def _other_law(use: WeightUse, shape: tuple[int, ...]) -> tuple[float, str] | None:
    """The same by the fans that torch counts in this shape."""
    fans = use.fans
    if fans is None:
        return None
    tolerance = max(3 / math.sqrt(2 * math.prod(use.shape)), 0.004)
    if any(abs(use.gain / gain - 1) < tolerance for gain in GAINS):
        return None
    field = math.prod(shape[2:])
    stored = {
        "its second axis": (shape[1] * field, GAINS),
        "its first axis, all groups": (shape[0] * field, CHOSEN),
    }
    for words, (fan, gains) in stored.items():
        for gain, name in gains.items():
            if abs(use.rms * math.sqrt(fan) / gain - 1) < tolerance:
                off = use.gain / gain
                return (off, f"{name} law by {words} ({fan})") if not 1 / OFF[0] < off < OFF[0] else None
    return None


def _mends(table: Table, members: list[tuple[Node, float, str]]) -> tuple[Fix, ...]:
    """The same law by its own fan; of stacks, also a start that thinks of what comes behind them."""
    lengths = sized(table, {node.weight.name: 1 / off for node, off, _ in members if node.weight})
    return (lengths, RESTART) if any(_stacked(node.weight) for node, _, _ in members) else (lengths,)


def _reason(use: WeightUse | None) -> str:
    if _stacked(use):
        return "torch counts the axes of a stack of maps as those of one convolution; draw each map by itself"
    if use is not None and not use.transposed and use.groups == 1:
        return "torch counts the first two axes of what is stored, and here they are places of the kernel"
    return "grouped and transposed kernels hold their axes in another order, or count one group only"


def _stacked(use: WeightUse | None) -> bool:
    return use is not None and "stack" in use.layout.split()


def _law_of_stack(use: WeightUse) -> tuple[float, str] | None:
    """The same for maps stacked along the first axis, which torch's laws take for a kernel of many places."""
    fans, shape = use.fans, use.shape
    if fans is None or len(shape) != 3:
        return None
    tolerance = max(3 / math.sqrt(2 * math.prod(shape)), 0.004)
    own, taken = (fans.fan_in, fans.fan_out), (shape[1] * shape[2], shape[0] * shape[2])
    known = [*GAINS, math.sqrt(2 * own[0] / sum(own))]
    if any(abs(use.gain / gain - 1) < tolerance for gain in known):
        return None
    laws = {name: (gain / math.sqrt(taken[0]), gain / math.sqrt(own[0])) for gain, name in GAINS.items()}
    laws["Glorot's"] = (math.sqrt(2 / sum(taken)), math.sqrt(2 / sum(own)))
    for name, (said, meant) in laws.items():
        if abs(use.rms / said - 1) < tolerance and not 1 / OFF[0] < said / meant < OFF[0]:
            return said / meant, f"{name} law for one kernel, not {shape[0]} maps ({taken[0]} inputs)"
    return None


def _finding(table: Table, members: list[tuple[Node, float, str]], severity: Severity) -> Finding:
    node, off, words = max(members, key=lambda one: abs(math.log(one[1])))
    paths = list(dict.fromkeys(place(n) for n, _, _ in members))
    fans = node.weight.fans if node.weight else None
    return Finding(
        "off-peers", severity, pattern(paths), f"{off:.3g} times the gain of the law it was drawn by",
        f"the same law by its own fan, {fans.fan_in if fans else 0:g} inputs an output",
        f"its size is that of {words}: {_reason(node.weight)}"
        + ("" if severity == "warning" else "; the sum still trains, or a norm makes up for it"),
        paths=tuple(paths),
        mends=_mends(table, members) if severity == "warning" else (),
    )  # fmt: skip
