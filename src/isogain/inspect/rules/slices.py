"""idle-slices, and slices of a stack that are copies or far off their peers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import median

from isogain.graph import family
from isogain.inspect.causes import pattern
from isogain.inspect.findings import Finding, Severity
from isogain.inspect.rules.peers import FEWEST, OFF
from isogain.inspect.rules.usage import routed
from isogain.inspect.slices import Slices
from isogain.inspect.table import Table

__all__ = ["FATES", "fate_of", "idle_slices", "odd_slices", "same_slices"]

IDLE = 0.5
"""Share of idle experts from which a batch that should reach all of them did not."""
ENOUGH = 4
"""Tokens an expert: an even router leaves a share exp(-4) of the experts without one."""

ONE = 1 - 1e-6
"""Mean cosine between the gradients of copies from which on rounding alone parts them."""
MOSTLY = 0.6
"""Mean cosine from which on most of what copies learn is the same."""
FATES: Mapping[str, tuple[Severity, str]] = {
    "one": ("critical", "side by side, and their gradients point the same way: they stay one map for ever"),
    "slow": ("warning", "side by side, and most of their gradients is the same: they part slowly"),
    "apart": ("info", "side by side, and parted by their gradients at the first step, as copied experts are"),
}  # fmt: skip
SCANNED: tuple[Severity, str] = (
    "warning",
    "as one key for all layers of a scan leaves them: they are one layer applied again",
)


def _stacks(table: Table) -> Iterator[tuple[str, Slices]]:
    for name, state in table.parameters.items():
        if state.slices is not None and state.finite:
            yield name, state.slices


def _tokens(table: Table) -> int:
    """Samples times positions of the largest input."""
    counts = [
        math.prod(node.shape[:-1] if node.dtype.startswith(("float", "bfloat")) else node.shape)
        for node in table.graph.nodes if node.kind == "input" and node.shape
    ]  # fmt: skip
    return max(counts, default=0)


def idle_slices(table: Table) -> Iterator[Finding]:
    """Experts that no token reached, more of them than an even router leaves by chance."""
    counts = {name: (s.idle, s.count) for name, s in _stacks(table)} | _modules(table)
    tokens = _tokens(table)
    idle = {
        name: (none, count)
        for name, (none, count) in counts.items()
        if count >= 3 and none > IDLE * count and tokens >= ENOUGH * count
    }
    if not idle:
        return
    none, count = max(idle.values())
    yield Finding(
        "idle-slices", "warning", pattern(list(idle)),
        f"{none} of {count} get no gradient from {tokens} tokens",
        f"about {math.exp(-tokens / count):.1%} where tokens are spread evenly",
        "almost all tokens go to the same few experts (a router of equal logits, a hash that "
        "maps all to one): "
        "the others stay as they were drawn, and those few get all the gradient, so the router "
        "prefers them more",
        "", tuple(idle),
    )  # fmt: skip


def _modules(table: Table) -> dict[str, tuple[int, int]]:
    """family -> (experts without gradient, experts), where experts are modules of their own."""
    groups: dict[str, list[str]] = defaultdict(list)
    for use in table.graph.parameters:
        if use.trainable and len(use.shape) > 1 and family(use.name) != use.name:
            groups[family(use.name)].append(use.name)
    found = {}
    for name, members in groups.items():
        silent = [one for one in members if (g := table.parameters[one].gradient) is None or g.largest == 0]
        apart = [one for one in silent if routed(table, table.graph.by_parameter[one])]
        if silent and len(apart) == len(silent) < len(members):
            found[name] = (len(silent), len(members))
    return found


def same_slices(table: Table) -> Iterator[Finding]:
    """Layers of one stack with the same numbers, one after another, or experts, side by side."""
    copied = {name: s for name, s in _stacks(table) if s.twins > 1}
    for deep in (True, False):
        names = [name for name in copied if _deep(table, name, copied[name]) == deep]
        if names:
            yield _same(names, copied, deep)


def _deep(table: Table, name: str, slices: Slices) -> bool:
    return not slices.parallel and table.in_series(table.graph.by_parameter[name].nodes)


def fate_of(kinship: float) -> str:
    """What becomes of copies side by side, by the mean cosine between their gradients."""
    return "one" if kinship > ONE else "slow" if kinship > MOSTLY else "apart"


def _same(names: list[str], copied: dict[str, Slices], deep: bool) -> Finding:
    worst = max((copied[name] for name in names), key=lambda s: s.twins)
    akin = max(copied[name].kinship for name in names)
    severity, why = SCANNED if deep else FATES[fate_of(akin)]
    return Finding(
        "identical-layers", severity, pattern(names),
        f"{worst.twins} of {worst.count} slices with the same numbers",
        "different draws", f"slices along the first axis are bit-identical, {why}",
        "" if severity == "info" else _redraw(names), tuple(names),
    )  # fmt: skip


def _redraw(names: list[str]) -> str:
    return (
        f"[p.data[1:].copy_(p.data[1:].std() * torch.randn_like(p.data[1:])) "
        f"for p in map(model.get_parameter, {names!r})]"
    )


def odd_slices(table: Table) -> Iterator[Finding]:
    """Slices that are many times larger or smaller than the others of their stack."""
    for name, s in _stacks(table):
        usual = median(s.sizes)
        if s.count < FEWEST or not usual > 0:
            continue
        times = {k: size / usual for k, size in enumerate(s.sizes)}
        odd = {k: t for k, t in times.items() if not 1 / OFF[0] <= t <= OFF[0]}
        if odd:
            yield _odd(name, odd, s.count, usual)


def _odd(name: str, odd: dict[int, float], count: int, usual: float) -> Finding:
    worst = max(odd.values(), key=lambda t: abs(math.log(t)) if t > 0 else math.inf)
    severity: Severity = "critical" if not 1 / OFF[1] <= worst <= OFF[1] else "warning"
    mended = f"[model.get_parameter({name!r}).data[k].normal_(0, {usual:.4g}) for k in {sorted(odd)!r}]"
    return Finding(
        "off-peers", severity, f"{name}[{', '.join(map(str, sorted(odd)))}]",
        f"{worst:.3g} times as large", f"the size of its {count} peers, {usual:.3g}",
        "a loop over slices passed these over, or drew them by another law than the others", mended, (name,),
    )  # fmt: skip
