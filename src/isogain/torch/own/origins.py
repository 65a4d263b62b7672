"""Where a model's tensors came from: kept with the modules that hold them, so sharding does not lose it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn

from isogain.torch.own.beside import beside
from isogain.torch.own.record import Record, Ref
from isogain.torch.own.recorder import Recorder

__all__ = ["Origin", "attribute", "bind", "origins_of", "restoring"]

Tensor = torch.Tensor
_NAME = "_isogain_origins"


@dataclass(frozen=True)
class Origin:
    """A tensor as its constructor left it."""

    record: Record
    ref: Ref
    by: str = ""
    """The library's entry that was run for it, where the model's own code did not tell."""


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


def attribute(module: nn.Module, by: str) -> None:
    """Says of all tensors within the module whose entry their start is."""
    for one in module.modules():
        if found := origins_of(one):
            vars(one)[_NAME] = {name: replace(origin, by=by) for name, origin in found.items()}


def restoring(modules: Iterable[nn.Module]) -> Callable[[], None]:
    """What puts back what is known now of where their tensors came from."""
    known = [(module, vars(module).get(_NAME)) for module in modules]

    def restore() -> None:
        for module, found in known:
            vars(module).pop(_NAME, None)
            if found is not None:
                vars(module)[_NAME] = found

    return restore
