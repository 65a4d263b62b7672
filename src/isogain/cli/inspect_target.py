"""From the command's words to a model, its inputs and its loss."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from isogain.errors import InspectError

__all__ = ["load", "parse_input", "prepared", "run"]

_INPUT = re.compile(
    r"^(?:(?P<name>[A-Za-z_]\w*)=)?(?P<type>[a-z]+\d*)\[(?P<shape>[\d,\s]*)\](?:<(?P<limit>\d+))?$"
)
_TYPES = {
    "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64", "i8": "int8", "u8": "uint8",
    "i16": "int16", "i32": "int32", "i64": "int64", "bool": "bool", "c64": "complex64",
}  # fmt: skip


def load(target: str) -> Any:
    """The object 'pkg.module:name' names; the current folder is looked in too."""
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise InspectError(f"{target!r} is not of the form pkg.module:factory")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if (error.name or "") not in (module_name, module_name.partition(".")[0]):
            raise
        raise InspectError(f"there is no module {error.name!r}, looked for from {here}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InspectError(f"{module_name} has no {name!r}")
        found = getattr(found, part)
    return found


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


def run(
    target: str, inputs: Sequence[str], arguments: dict[str, Any], loss: str | None, seed: int, mode: str
) -> Any:
    """The Report on the model a factory makes, on inputs drawn from `seed`."""
    import isogain.torch as igt

    model, given = prepared(target, inputs, arguments, seed, mode)
    return igt.inspect(model, given, load(loss) if loss else None)


def prepared(
    target: str, inputs: Sequence[str], arguments: dict[str, Any], seed: int, mode: str, *, meta: bool = False
) -> tuple[Any, Any]:
    """The model a factory makes, on the meta device if asked, and inputs drawn from `seed`."""
    import torch

    if mode not in ("train", "eval", "keep"):
        raise InspectError(f"--mode is train, eval or keep, got {mode!r}")
    specified = [parse_input(text) for text in inputs]
    factory = load(target)
    with torch.random.fork_rng(devices=[]), torch.device("meta") if meta else nullcontext():
        torch.manual_seed(seed)
        try:
            model = factory(**arguments) if not isinstance(factory, torch.nn.Module) else factory
        except TypeError as error:
            raise InspectError(f"{target} cannot be called with {arguments}: {error}") from error
    if mode != "keep":
        model.train(mode == "train")
    generator = torch.Generator().manual_seed(seed)
    tensors = [
        (name, _tensor(torch, kind, shape, limit, generator)) for name, kind, shape, limit in specified
    ]
    return model, _together(tensors)


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
