"""symmetric-units in banks: filters, bells and waves that few parameters make, and that start as one."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import pattern, place
from isogain.inspect.chains import made_beside
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.looks import Angles, Decays
from isogain.inspect.mending import changeable
from isogain.inspect.table import ParameterState, Table

__all__ = ["uniform_banks"]

FEW = 0.25
"""Different filters over all filters up to which a bank is worth few: cosines and sines are two."""
LAYERS = ("weight", "embedding", "recurrent", "norm")
STEPS = 8


def uniform_banks(table: Table) -> Iterator[Finding]:
    """Banks of filters (cut-offs, centres, frequencies) with one filter many times."""
    found = {name: pair for pair in _banks(table) for name in _makers(table, pair[0])}
    if not found:
        return
    names, (node, units) = tuple(found), next(iter(found.values()))
    yield Finding(
        "symmetric-units", "warning", pattern(names), f"{units} filters at {place(node)} that are one",
        "filters that differ: cut-offs, centres, frequencies spread over those of the data",
        f"the entries of {pattern(names)} are all the same, and so is all that they make at "
        f"{place(node)}: the "
        "bank tells no more than one filter does, until what reads it parts them step by step",
        paths=names, mends=_mends(table, names),
    )  # fmt: skip


def _banks(table: Table) -> Iterator[tuple[Node, int]]:
    """(where a bank is used, how many filters it has) for each whose filters are one."""
    for node in table.graph.nodes:
        use = node.weight
        if (
            use is not None
            and use.distinct is not None
            and use.distinct <= FEW * use.shape[0]
            and use.rms > 0
        ):
            yield node, use.shape[0]
    for look in table.looks:
        if look.node is not None and isinstance(look.seen, Angles | Decays) and look.seen.alike:
            yield table.node(look.node), look.seen.alike


def _makers(table: Table, node: Node) -> list[str]:
    """The trained parameters of one number, or one row, that make a bank, with no layer between."""
    made = (node, *made_beside(table, node, LAYERS, STEPS))
    names = dict.fromkeys(name for one in made for name in one.parameters)
    return [name for name in changeable(table, names) if _is_one(table, table.parameters[name])]


def _is_one(table: Table, state: ParameterState) -> bool:
    """Whether all its numbers, or rows, are one, and there are several."""
    several = max(table.graph.by_parameter[state.name].shape, default=1) > 1
    return several and (state.constant or (state.units > 1 and state.distinct_units == 1))


def _mends(table: Table, names: tuple[str, ...]) -> tuple[Fix, ...]:
    """One of them drawn around 0, as large as it is; then all of them."""
    drawn = [(name, table.parameters[name].rms or 1.0) for name in names]
    return *(Fix((Change("normal", (one,)),)) for one in drawn[:2]), Fix((Change("normal", tuple(drawn)),))
