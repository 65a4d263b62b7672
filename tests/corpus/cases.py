"""A Case, and the two registries that `broken` and `healthy` fill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

__all__ = ["BROKEN", "HEALTHY", "Case", "broken", "broken_as", "half", "healthy", "healthy_as"]

Made = tuple[torch.nn.Module, Any, Callable[[Any], torch.Tensor] | None]
"""model, inputs, loss"""


@dataclass(frozen=True)
class Case:
    """One start: how to make it, what must be found (any of `codes`), and where the mistake is from."""

    name: str
    make: Callable[[], Made]
    codes: frozenset[str] = field(default_factory=frozenset)
    source: str = ""
    needs: str = ""
    """A package the case imports."""

    def build(self, seed: int) -> Made:
        """The model, inputs and loss of this seed; the global state is as before afterwards."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()


BROKEN: dict[str, Case] = {}
HEALTHY: dict[str, Case] = {}


def broken(*codes: str, source: str, needs: str = "") -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """Registers a broken start, which must raise one of `codes`."""

    def register(make: Callable[[], Made]) -> Callable[[], Made]:
        BROKEN[make.__name__] = Case(make.__name__, make, frozenset(codes), source, needs)
        return make

    return register


def healthy(source: str = "", needs: str = "") -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """Registers a healthy start, which must raise nothing above info."""

    def register(make: Callable[[], Made]) -> Callable[[], Made]:
        HEALTHY[make.__name__] = Case(make.__name__, make, source=source, needs=needs)
        return make

    return register


def broken_as(name: str, *codes: str, source: str, needs: str = "") -> Callable[[Callable[[], Made]], None]:
    """Registers one of several starts of a kind under a name of its own."""

    def register(make: Callable[[], Made]) -> None:
        BROKEN[name] = Case(name, make, frozenset(codes), source, needs)

    return register


def healthy_as(name: str, source: str = "", needs: str = "") -> Callable[[Callable[[], Made]], None]:
    """The same for a healthy start."""

    def register(make: Callable[[], Made]) -> None:
        HEALTHY[name] = Case(name, make, source=source, needs=needs)

    return register


def half(name: str) -> str:
    """'tune' or 'report', by a hash of the name: rules may be mended on the one half alone."""
    return ("tune", "report")[hashlib.blake2b(name.encode(), digest_size=1).digest()[0] & 1]
