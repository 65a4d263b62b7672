"""What the repetitions of a model's constructors have in common, and who looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import nn

from isogain.torch.own.reach import Reach

__all__ = ["Lost", "Setting", "Way", "Witness", "tensors_of"]

Tensor = torch.Tensor
Way = Callable[[], None]


class Lost(Exception):
    """A statement cannot be repeated."""

    def __init__(self, said: str = "", names: Iterable[str] = ()) -> None:
        super().__init__(said or f"the model does not keep {', '.join(names)}")
        self.names = tuple(names)


class Witness(Protocol):
    """Who looks on."""

    def give(self, tensor: Tensor, found: Tensor) -> None:
        """The tensor is made as this."""

    def lose(self, tensors: Iterable[Tensor]) -> None:
        """Nobody knows these."""

    def unsure(self, tensors: Sequence[Tensor], way: Way) -> None:
        """Runs what may not have run."""

    def ways(self, key: tuple[Any, ...], tensors: Sequence[Tensor], ways: Sequence[Way]) -> None:
        """Runs what ran in one of these ways."""


class Setting(Protocol):
    """What the repetitions of a model share."""

    witness: Witness
    reach: Reach
    own_way: set[int]
    """Modules whose constructors call a recipe themselves."""

    def reset(self, module: nn.Module) -> None:
        """Runs the module's `reset_parameters`, once."""

    def tell(self, said: str) -> None:
        """What could not be repeated."""


def tensors_of(module: nn.Module) -> list[Tensor]:
    """All parameters and buffers, and the plain tensors that modules hold as attributes."""
    plain = (value for one in module.modules() for value in vars(one).values() if isinstance(value, Tensor))
    return [*module.parameters(), *module.buffers(), *plain]
