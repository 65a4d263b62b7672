"""`identify` for PyTorch: modules, tensors, state dicts, `.pt` files; and whatever ig.identify reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isogain.errors import DataError
from isogain.identification import Identification, identified
from isogain.identification import identify as identify_arrays
from isogain.identification.stored import Floats, Stored, matrix_view
from isogain.torch.measure.sampling import own_array

__all__ = ["identify"]

PICKLES = (".pt", ".pth", ".bin", ".ckpt")


def identify(source: Any, *, fan_rule: str = "torch") -> Identification:
    """Which law the values of each tensor come from: path -> Identified, as `ig.identify` finds it.

    `source` is a tensor, a module (its parameters), a state dict, a `.pt`, `.pth`, `.bin` or `.ckpt` file
    (read by `torch.load` without its code), or what `ig.identify` takes: arrays, `.safetensors`, `.npz`,
    folders.  Nothing is changed; tensors on a device are read by parts.  Quantised and complex tensors are
    left out.

    Raises DataError for what holds no tensors, or a tensor that has no values (on the meta device).

    >>> found = identify(nn.Linear(300, 200))
    >>> found["weight"].fits[0].says
    'w ~ U, Var[w] = 1/3 / fan_in (300)'
    """
    if isinstance(source, str | Path) and Path(source).suffix in PICKLES:
        return identified(_stored(_loaded(Path(source))), fan_rule)
    if isinstance(source, nn.Module):
        return identified(_stored(dict(source.named_parameters(remove_duplicate=False))), fan_rule)
    if isinstance(source, torch.Tensor):
        return identified(_stored({"values": source}), fan_rule)
    if isinstance(source, Mapping) and any(isinstance(one, torch.Tensor) for one in source.values()):
        return identified(_stored(source), fan_rule)
    return identify_arrays(source, fan_rule=fan_rule)


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        found = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:
        raise DataError(f"{path}: torch.load cannot read it without running its code: {error}") from error
    return _flat(found)


def _flat(found: Any, prefix: str = "") -> dict[str, Any]:
    """The tensors of nested dictionaries, by dotted paths."""
    if isinstance(found, torch.Tensor):
        return {prefix or "values": found}
    if not isinstance(found, Mapping):
        return {}
    flat: dict[str, Any] = {}
    for name, one in found.items():
        flat |= _flat(one, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _stored(tensors: Mapping[str, Any]) -> Iterator[Stored]:
    for path, one in tensors.items():
        if not isinstance(one, torch.Tensor) or one.layout != torch.strided or not one.is_floating_point():
            continue
        if one.is_meta:
            raise DataError(
                f"{path} is on the meta device, which holds no values; give the model memory first"
            )
        plain = one.detach()
        if plain.dtype.itemsize > 1:  # 8-bit floats are quantised weights
            yield OnDevice(str(path), plain)


@dataclass
class OnDevice(Stored):
    """A tensor of PyTorch."""

    path: str
    tensor: torch.Tensor

    def __post_init__(self) -> None:
        self.shape = tuple(self.tensor.shape)
        self.resolution = float(torch.finfo(self.tensor.dtype).eps) / 2
        self.identity: Hashable | None = (
            self.tensor.untyped_storage().data_ptr(),
            self.tensor.storage_offset(),
            self.shape,
        )

    def rows(self, which: NDArray[np.intp], columns: NDArray[np.intp] | slice) -> Floats:
        matrix = self.tensor.reshape(matrix_view(self.shape))
        chosen = matrix if len(which) == len(matrix) else matrix[torch.from_numpy(which).to(matrix.device)]
        if not isinstance(columns, slice):
            chosen = chosen[:, torch.from_numpy(columns).to(matrix.device)]
        return own_array(chosen.to("cpu", torch.float64))
