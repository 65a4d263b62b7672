"""The gates of fused recurrent layers, worked out again for a few samples at sampled steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.special import erfc

from isogain.inspect.looks import Gates
from isogain.torch.measure.powers import kept_by

__all__ = ["of_fused_recurrence"]

Tensor = torch.Tensor
SAMPLES, STEPS = 4, 64
LETTERS = {"lstm": "ifgo", "gru": "rzn", "rnn_tanh": "h", "rnn_relu": ""}
"""Of what has flat ends."""
PLAIN = ("rnn_tanh", "rnn_relu")
MOST = 0.98
"""Quantile over the units: a state lasts as long as those that keep it longest."""
_FLAT = 0.06
ENDS = {"sigmoid": float(2 * np.arccosh(_FLAT**-0.5)), "tanh": float(np.arccosh(_FLAT**-0.5))}
"""|z| beyond which the slope, 1 / cosh^2(z / 2) or 1 / cosh^2(z) of the steepest, is below 6 %."""


def of_fused_recurrence(op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Gates | None:
    """The Gates of the layer where most of them are flat; None where the call is not followed."""
    cell = op.removesuffix("_cell")
    if cell not in LETTERS:
        return None
    received = list((_cell if op.endswith("_cell") else _layers)(cell, args))
    if not received:
        return None
    found = [_gates(cell, z) for z in received]
    kept = map(kept_by, _recurrent(op, args)) if cell in PLAIN else (_held(cell, z) for z in received)
    return replace(max(found, key=lambda one: max(one.flat, default=0.0)), kept=max(kept))


def _cell(cell: str, args: tuple[Any, ...]) -> Iterator[list[Tensor]]:
    """Of (input, state, w_ih, w_hh, b_ih, b_hh)."""
    x, state = args[0], args[1]
    h = state[0] if isinstance(state, (tuple, list)) else state
    if x.dim() == 2:
        yield _received(cell, x[:256].detach(), h[:256].detach(), [w.detach() for w in args[2:] if _is(w)])


def _is(value: Any) -> bool:
    return isinstance(value, Tensor)


def _layers(cell: str, args: tuple[Any, ...]) -> Iterator[list[Tensor]]:
    """Of (input, state, weights, biases, layers, dropout, training, both ways, batch first)."""
    if len(args) < 9 or not isinstance(args[-1], bool) or not args[0].is_floating_point():
        return
    if isinstance(args[1], Tensor) and not args[1].is_floating_point():
        return  # a packed sequence
    weights, biases, count, both, batch_first = args[2], bool(args[3]), int(args[4]), args[7], args[8]
    x = args[0].detach()
    x = (x.transpose(0, 1) if batch_first else x)[:STEPS, :SAMPLES]
    each = len(weights) // (count * (2 if both else 1))
    if each != (4 if biases else 2):  # projected outputs have a matrix more
        return
    for layer in range(count):
        ways = []
        for way in range(2 if both else 1):
            start = (layer * (2 if both else 1) + way) * each
            own = [w.detach() for w in weights[start : start + each]]
            seen = x.flip(0) if way else x
            h = _run(cell, seen, own)
            before = torch.cat([torch.zeros_like(h[:1]), h[:-1]])
            yield _received(cell, seen.flatten(0, 1), before.flatten(0, 1), own)
            ways.append(h.flip(0) if way else h)
        x = torch.cat(ways, -1)


def _run(cell: str, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """What a layer of one way hands on, from a state of zeros."""
    start = x.new_zeros(1, x.shape[1], weights[1].shape[1])
    state = (start, start) if cell == "lstm" else start
    call = getattr(torch, cell)
    out: Tensor = call(x, state, list(weights), len(weights) > 2, 1, 0.0, False, False, False)[0]
    return out


def _received(cell: str, x: Tensor, h: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """What each gate receives, (observations, units)."""
    parts = max(len(LETTERS[cell]), 1)
    zero = x.new_zeros(())
    from_x = x @ weights[0].T + (weights[2] if len(weights) > 2 else zero)
    from_h = h @ weights[1].T + (weights[3] if len(weights) > 3 else zero)
    a, b = from_x.chunk(parts, -1), from_h.chunk(parts, -1)
    gates = [one + two for one, two in zip(a, b, strict=True)]
    if cell == "gru":
        gates[2] = a[2] + gates[0].sigmoid() * b[2]
    return gates


def _gates(cell: str, received: list[Tensor]) -> Gates:
    letters = LETTERS[cell]
    ends = [ENDS["tanh" if letter in "gnh" else "sigmoid"] for letter in letters]
    flat, held, size = [], [], []
    for z, end in zip(received, ends, strict=False):  # a ReLU has no end
        over = z.float().abs() > end
        offset = z.float().mean(0).abs() > end
        flat.append(float((over & ~offset).float().mean()))
        held.append(float((over & offset).float().mean()))
        size.append(float(z.float().square().mean().sqrt()))
    expected = tuple(float(erfc(end / 2**0.5)) for end in ends)
    return Gates(letters, tuple(size), tuple(flat), tuple(held), expected)


def _held(cell: str, received: list[Tensor]) -> float:
    """What the gate of the units that keep most leaves of their state, over samples and steps."""
    keeping = received[LETTERS[cell].index("f" if cell == "lstm" else "z")].float().sigmoid().mean(0)
    return float(keeping.quantile(MOST))


def _recurrent(op: str, args: tuple[Any, ...]) -> list[Tensor]:
    """The weights that read the last state, layer by layer."""
    if op.endswith("_cell"):
        return [args[3]]
    return list(args[2][1 :: 4 if args[3] else 2])
