"""Where a model's tensors came from: kept with the modules that hold them, so sharding does not lose it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from isogain.torch.own.record import Record, Ref
from isogain.torch.own.recorder import Recorder

__all__ = ["Origin", "attributes_of", "bind", "origins_of"]

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
    with torch._C.DisableTorchFunction():
        for module in modules:
            held = {name: one for table in _tables(module) for name, one in table.items()}
            held.update(_attributes(module))
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


def attributes_of(module: nn.Module) -> Iterator[tuple[str, Tensor, Origin]]:
    """Tensors without memory that are neither parameters nor buffers."""
    known = origins_of(module)
    for name, tensor in _attributes(module).items():
        if name in known and tensor.is_meta:
            yield name, tensor, known[name]


def _tables(module: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    return module._parameters, module._buffers


def _attributes(module: nn.Module) -> dict[str, Tensor]:
    tables = ("_parameters", "_buffers", "_modules", _NAME)
    return {name: one for name, one in vars(module).items() if isinstance(one, Tensor) and name not in tables}
