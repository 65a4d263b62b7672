"""Where a model's tensors came from: kept with the modules that hold them, so sharding does not lose it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from isogain.torch.own.beside import beside
from isogain.torch.own.record import Record, Ref
from isogain.torch.own.recorder import Recorder

__all__ = ["Origin", "bind", "origins_of"]

Tensor = torch.Tensor
_NAME = "_isogain_origins"


@dataclass(frozen=True)
class Origin:
    """A tensor as its constructor left it."""

    record: Record
    ref: Ref


def bind(
    recorder: Recorder,
    modules: Iterable[nn.Module],
    asked: Callable[[nn.Module, str], bool] = lambda *_: True,
) -> None:
    """Writes down where the tensors of the modules came from: each, or those that are asked for."""
    seen = set[int]()
    with torch._C.DisableTorchFunction():
        for module in modules:
            held = {**module._parameters, **module._buffers}
            held.update({one.name: one.tensor for one in beside(module, seen)})
            found = {
                name: Origin(recorder.record, recorder.ref(tensor))
                for name, tensor in held.items()
                if isinstance(tensor, Tensor) and recorder.knows(tensor) and asked(module, name)
            }
            if found:
                vars(module)[_NAME] = {**origins_of(module), **found}


def origins_of(module: nn.Module) -> dict[str, Origin]:
    """Name -> origin of the tensors that the module itself holds."""
    found: dict[str, Origin] = vars(module).get(_NAME, {})
    return found
