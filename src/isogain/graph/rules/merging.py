"""One decision for a weight that holds several maps: each part's law in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from isogain.graph.packing import Packing
from isogain.graph.rules.registry import Decision

__all__ = ["merged"]


def merged(
    decisions: Sequence[Decision], names: Sequence[str], packing: Packing, shape: tuple[int, ...],
    geometry: Mapping[str, Any],
) -> Decision:  # fmt: skip
    """The decisions on the parts of a weight as one on the whole; `names` says what each part is.

    Where a part keeps what it has, all of them do, as a parameter is written whole.
    """
    reason = _reason(decisions, names, packing)
    laws = [one.initializer for one in decisions if one.initializer is not None]
    if len(laws) < len(decisions):
        return replace(next(one for one in decisions if one.initializer is None), reason=reason)
    law, layout = packing.law_of(laws, shape, geometry)
    gain, signal = (_common([getattr(one, name) for one in decisions]) for name in ("gain", "signal"))
    return Decision(law, reason, gain, signal, decisions[0].steady, layout, decisions[0].role)


def _common(values: Sequence[float]) -> float:
    return values[0] if all(one == values[0] for one in values) else math.nan


def _reason(decisions: Sequence[Decision], names: Sequence[str], packing: Packing) -> str:
    """What holds for which part, parts of one reason together."""
    reasons: dict[str, list[str]] = {}
    for name, one in zip(names, decisions, strict=True):
        reasons.setdefault(one.reason, []).append(name)
    if len(reasons) == 1:
        return f"{decisions[0].reason}; {len(names)} maps in one weight ({packing}), each with its own fans"
    said = "; ".join(f"{', '.join(of)}: {reason}" for reason, of in reasons.items())
    return f"{len(names)} maps in one weight ({packing}): {said}"
