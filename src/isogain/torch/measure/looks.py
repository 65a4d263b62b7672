"""Which operations get a closer look, and by what; each look reads the operands, before they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from isogain.inspect.looks import Angles, Attention, Decays, Gates
from isogain.torch.measure.attention import of_fused, of_softmax
from isogain.torch.measure.gates import LETTERS, of_fused_recurrence
from isogain.torch.measure.waves import of_exponential, of_sine

__all__ = ["LOOKS", "closer_look"]

Seen = Attention | Gates | Angles | Decays
Reader = Callable[[tuple[Any, ...], Mapping[str, Any]], "Seen | None"]
LOOKS: dict[str, Reader] = {
    "softmax": of_softmax,
    "scaled_dot_product_attention": of_fused,
    "sin": of_sine,
    "cos": of_sine,
    "exp": of_exponential,
    **{name: partial(of_fused_recurrence, name) for cell in LETTERS for name in (cell, f"{cell}_cell")},
}


def closer_look(op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Seen | None:
    """What is to be seen of an operation's operands; None where there is nothing."""
    with torch.no_grad():
        return LOOKS[op](args, kwargs)
