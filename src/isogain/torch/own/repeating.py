"""Constructors of a whole model repeated on it, module by module, inner ones first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import FunctionType
from typing import Any

from torch import nn

from isogain.torch.own.constructors import code_of, constructors_of, is_torch, own_kind
from isogain.torch.own.facts import RESETS
from isogain.torch.own.reach import Reach
from isogain.torch.own.rebuilding import pairs_of
from isogain.torch.own.repetition import Repetition
from isogain.torch.own.setting import Witness, tensors_of
from isogain.torch.own.spectral import renewed
from isogain.torch.own.structure import Build

__all__ = ["Repeater"]


class Repeater:
    """What the repetitions share; `said` is what could not be repeated."""

    def __init__(
        self, reach: Reach, witness: Witness, reset: Callable[[nn.Module, Callable[[], Any]], None],
        rebuilt: Mapping[int, Build], plain: Collection[int],
    ) -> None:  # fmt: skip
        self.witness, self.reach, self._reset = witness, reach, reset
        self._rebuilt, self._plain = rebuilt, plain
        self.said: list[str] = []
        self.own_way: set[int] = set()
        self._were_reset: set[int] = set()
        self._bare: set[nn.Module] = set()
        """Those around which no constructor but torch's may have written, before a norm was put on."""

    def repeat_all(self, module: nn.Module, is_within: bool = False) -> None:
        """The same of all that it holds, inner ones first; of what is built anew, only that."""
        if id(module) in self._rebuilt:
            self._rebuild(module)
            return
        is_within = is_within or own_kind(module) is not None
        for child in module.children():
            self.repeat_all(child, is_within)
        if not is_within:
            self._bare.add(module)
        self.repeat(module)

    def _rebuild(self, module: nn.Module) -> None:
        """What its constructor gives to a twin is given to it; recipes that the constructor runs are done."""
        for held, made in pairs_of(module, self._rebuilt[id(module)](), self._plain):
            if held is not made:
                self.witness.give(held, made)
        self.own_way |= {id(one) for one in module.modules() if self.reach.begins(type(one))}

    def repeat(self, module: nn.Module) -> None:
        """All that the module's constructors gave values to, its inner modules' own constructors left out."""
        if any(is_torch(base) and _has_reset(base) for base in type(module).__mro__):
            self.reset(module)  # torch's own constructors end with it
        chain = [(kind, code_of(function), function) for kind, function in constructors_of(type(module))]
        codes = [code for _, code, _ in chain if code is not None]
        base: tuple[tuple[str, ...], Mapping[str, Any]] = ((), {})
        for kind, code, function in chain:
            if code is None:
                self._unread(module, kind, function)
                continue
            one = Repetition(self, module, kind, code, base, codes)
            one.statements(code.body)
            base = code.parameters, one.kept
        self.reset(module)

    def reset(self, module: nn.Module) -> None:
        """Its own `reset_parameters`, once."""
        name = next((name for name in RESETS if callable(getattr(module, name, None))), None)
        if name is None or id(module) in self._were_reset:
            return
        self._were_reset.add(id(module))
        try:
            self._reset(module, getattr(module, name))
            if module in self._bare:
                for held, made in [*renewed(module)]:
                    self.witness.give(held, made)
        except Exception as error:
            self.tell(f"{type(module).__name__}.{name} raised {type(error).__name__}: {error}")

    def tell(self, said: str) -> None:
        """Once is enough."""
        if said not in self.said:
            self.said.append(said)

    def _unread(self, module: nn.Module, kind: type, function: FunctionType) -> None:
        names = function.__code__.co_names
        if any(name.endswith("_") and not name.endswith("__") for name in names):
            self.tell(f"{kind.__name__}.__init__ has no source to read")
            self.witness.lose(tensors_of(module))


def _has_reset(base: type) -> bool:
    return any(name in vars(base) for name in RESETS)
