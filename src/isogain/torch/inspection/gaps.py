"""What was not judged, and why: so that "all checks run" is said only where they were."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from isogain.graph import Graph, ParameterUse, carried
from isogain.inspect.causes import pattern
from isogain.inspect.looks import Choices, Decays, Gates, Look
from isogain.inspect.rules.codebooks import ENOUGH
from isogain.inspect.rules.timescales import ROWS
from isogain.torch.draw.codes import codes_of

__all__ = ["gaps"]

JUDGED = frozenset(["weight", "embedding", "recurrent", "norm"])
CHOICES = frozenset(["cdist", "argmin", "argmax", "topk", "index_select"])
NUMBERS = ("int8", "uint8", "float8", "qint", "quint", "int4", "uint4")


def gaps(model: nn.Module, graph: Graph, looks: list[Look], distance: float) -> Iterator[str]:
    """A sentence for each kind of thing that was followed but not judged."""
    yield from _fused(graph, looks)
    yield from _states(graph, looks)
    yield from _others(graph, looks)
    yield from _quantised(model)
    if distance == 0:
        yield "rank-collapse, constant-output, dead-units: all samples of the batch are the same"


def _fused(graph: Graph, looks: list[Look]) -> Iterator[str]:
    """Recurrent layers whose gates were not worked out again."""
    seen = {look.node for look in looks if isinstance(look.seen, Gates)}
    missed = [
        node.path or node.op for node in graph.nodes if node.kind == "recurrent" and node.index not in seen
    ]
    if missed:
        yield f"gates inside fused recurrent layers: {_listed(missed)} (packed, projected or of another kind)"


def _states(graph: Graph, looks: list[Look]) -> Iterator[str]:
    """Parameters behind exponentials, but for those of decays that were seen."""
    decays = [look for look in looks if isinstance(look.seen, Decays) and look.node is None]
    judged = {name for look in decays if len(look.parameters) > 1 for name in look.parameters}
    judged |= {name for look in decays for name in look.parameters if carried(graph, name) >= ROWS}
    alone = [name for look in decays for name in look.parameters if name not in judged]
    if alone:
        yield f"time scales of {_listed(alone)}: whether they are decays of a state was not followed"


def _others(graph: Graph, looks: list[Look]) -> Iterator[str]:
    """Parameters of two axes or more that no operation uses as a weight whose law is known."""
    known = {node.weight.name for node in graph.nodes if node.weight is not None}
    decays = {name for look in looks if isinstance(look.seen, Decays) for name in look.parameters}
    decays |= {
        name for look in looks if isinstance(look.seen, Decays) and look.node is not None
        for i in graph.nodes[look.node].inputs for name in graph.nodes[i].parameters
    }  # fmt: skip
    counted = _counted(looks)
    codes: list[str] = []
    rest: list[str] = []
    for use in graph.parameters:
        if _unjudged(graph, use) and use.name not in known | decays:
            chosen = any(graph.nodes[i].op in CHOICES for i in use.nodes)
            if not chosen or use.name not in counted:
                (codes if chosen else rest).append(use.name)
    if codes:
        yield f"codebooks: how the entries of {_listed(codes)} are chosen was not judged"
    if rest:
        yield f"the sizes of {_listed(rest)}: no operation uses them as a weight whose law is known"


def _counted(looks: list[Look]) -> set[str]:
    """Matrices whose rows were seen to be chosen often enough to tell."""
    return {
        name for look in looks if isinstance(look.seen, Choices) and look.seen.observations >= ENOUGH
        for name in look.parameters
    }  # fmt: skip


def _unjudged(graph: Graph, use: ParameterUse) -> bool:
    """Whether a trainable matrix or more is used, and by nothing but operations of other kinds."""
    wide = sum(size > 1 for size in use.shape) > 1
    kinds = {graph.nodes[i].kind for i in use.nodes}
    return wide and use.used and use.trainable and not kinds & (JUDGED | {"add", "concatenate", "attention"})


def _quantised(model: nn.Module) -> Iterator[str]:
    """Weights in integers or eight bits, as parameters or buffers."""
    named: list[tuple[str, Any]] = [*model.named_parameters(), *model.named_buffers()]
    found = [
        name for name, tensor in named
        if tensor.dim() > 1 and _are_codes(tensor.dtype)
    ]  # fmt: skip
    if found:
        yield f"quantised weights: {_listed(found)} hold codes, not the numbers that multiply"
    decoded = [name for name, tensor in named if tensor.is_floating_point() and codes_of(tensor)]
    if decoded := [name for name in decoded if name not in found]:
        yield f"quantised weights: {_listed(decoded)} were looked at as the numbers their codes stand for"


@lru_cache(maxsize=64)
def _are_codes(dtype: torch.dtype) -> bool:
    return str(dtype).removeprefix("torch.").startswith(NUMBERS)


def _listed(names: list[str]) -> str:
    return pattern(list(dict.fromkeys(names)))
