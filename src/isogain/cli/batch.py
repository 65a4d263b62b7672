"""A batch from the command's words: drawn by --input, or read from a file by --batch; never from a pickle."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from isogain.errors import InspectError

__all__ = ["drawn", "given", "parse_input", "read"]

_INPUT = re.compile(
    r"^(?:(?P<name>[A-Za-z_]\w*)=)?(?P<type>[a-z]+\d*)\[(?P<shape>[\d,\s]*)\](?:<(?P<limit>\d+))?$"
)
_TYPES = {
    "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64", "i8": "int8", "u8": "uint8",
    "i16": "int16", "i32": "int32", "i64": "int64", "bool": "bool", "c64": "complex64",
}  # fmt: skip


def given(model: Any, inputs: Sequence[str], file: Path | None, seed: int) -> Any:
    """The batch that was asked for, or that suits the model's config; None where neither says."""
    from isogain.cli.hugging import batch_for

    if inputs and file is not None:
        raise InspectError("give --input to draw a batch or --batch to read one, not both")
    if file is not None:
        return _fitting(model, read(file))
    return drawn([parse_input(text) for text in inputs], seed) if inputs else batch_for(model, seed)


def parse_input(text: str) -> tuple[str | None, str, tuple[int, ...], int | None]:
    """(name, torch dtype, shape, limit) of 'ids=i64[8,128]<50257'; InspectError for anything else."""
    match = _INPUT.match(text.strip())
    if match is None or match["type"] not in _TYPES:
        raise InspectError(
            f"--input {text!r} is not type[shape]: f32[32,3,32,32], ids=i64[8,128]<50257; types: "
            f"{', '.join(_TYPES)}"
        )
    shape = tuple(int(size) for size in match["shape"].split(",") if size.strip())
    limit = int(match["limit"]) if match["limit"] else None
    if limit is not None and (limit < 1 or not _TYPES[match["type"]].startswith(("int", "uint"))):
        raise InspectError(f"--input {text!r}: a limit is for integers, and at least 1")
    return match["name"], _TYPES[match["type"]], shape, limit


def drawn(specified: Sequence[tuple[str | None, str, tuple[int, ...], int | None]], seed: int) -> Any:
    """Inputs drawn from `seed`."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    tensors = [
        (name, _tensor(torch, kind, shape, limit, generator)) for name, kind, shape, limit in specified
    ]
    return _together(tensors)


def _tensor(torch: Any, kind: str, shape: tuple[int, ...], limit: int | None, generator: Any) -> Any:
    dtype = getattr(torch, kind)
    if kind.startswith(("int", "uint")):
        return torch.randint(0, limit or 2, shape, generator=generator).to(dtype)
    if kind == "bool":
        return torch.rand(shape, generator=generator) < 0.5
    if kind.startswith("complex"):
        return torch.randn(shape, generator=generator, dtype=dtype)
    return torch.randn(shape, generator=generator).to(dtype)


def _together(tensors: list[tuple[str | None, Any]]) -> Any:
    named = [name is not None for name, _ in tensors]
    if any(named) and not all(named):
        raise InspectError("name all inputs or none: --input x=f32[...] --input y=f32[...]")
    if all(named) and tensors:
        return dict(tensors)
    return tuple(tensor for _, tensor in tensors)


def read(file: Path) -> Any:
    """What a file holds: a mapping of its names, or of a .pt what was saved."""
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise InspectError(f"--batch reads {', '.join(_READERS)}, got {str(file)!r}")
    if not file.is_file():
        raise InspectError(f"there is no file {file}")
    try:
        return reader(file)
    except InspectError:
        raise
    except Exception as error:
        pickled = "pickle" in f"{type(error).__name__} {error}".lower()
        why = "it holds pickled objects" if pickled else str(error)
        raise InspectError(
            f"{file} cannot be read: {why}; a batch is tensors or arrays of numbers in tuples, lists, dicts"
        ) from None


def _arrays(file: Path) -> Any:
    import numpy as np

    with np.load(file, allow_pickle=False) as content:
        return dict(content)


def _safetensors(file: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(file)


def _torch(file: Path) -> Any:
    import torch

    return torch.load(file, map_location="cpu", weights_only=True)


_READERS: dict[str, Callable[[Path], Any]] = {
    ".npz": _arrays, ".safetensors": _safetensors, ".pt": _torch, ".pth": _torch,
}  # fmt: skip


def _fitting(model: Any, batch: Any) -> Any:
    """Of a mapping whose names forward does not take, the values in their order: x, y of np.savez."""
    from isogain.torch.call.inputs import arguments
    from isogain.torch.call.losses import TARGETS

    if not isinstance(batch, dict):
        return batch
    taken = {one.name for one in arguments(model)}
    names = [name for name in batch if name not in TARGETS]
    if not taken or any(name in taken for name in names):
        return batch
    last = [name for name in batch if name in TARGETS]
    return tuple(batch[name] for name in (*names, *last))
