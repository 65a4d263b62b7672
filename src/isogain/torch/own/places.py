"""Whose line asked for an operation: the first caller outside torch, the standard library, init helpers."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import torch

__all__ = ["Place", "Seen", "look"]

_TORCH = str(Path(torch.__file__).parent)
_HERE = str(Path(__file__).parent)
_STANDARD = sysconfig.get_paths()["stdlib"]

_INIT = {
    getattr(torch.nn.init, name).__code__: name
    for name in (
        "uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_",
        "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_",
    )
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A line of somebody's code, and what of torch's it called there."""

    file: str
    line: int
    called: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.called})" if self.called else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Seen:
    """What the stack says about an operation: whose line it is, and the init function it is part of."""

    place: Place
    init: str = ""
    settings: dict[str, Any] | None = None


def look(frame: FrameType | None) -> Seen:
    """Reads the stack from a frame outwards."""
    init, settings, called = "", None, ""
    while frame is not None:
        code = frame.f_code
        if code in _INIT:
            init, settings = _INIT[code], dict(frame.f_locals)
        if not _is_passed_over(code.co_filename, code.co_name):
            return Seen(Place(_shown(code.co_filename), frame.f_lineno, called), init, settings)
        if not code.co_name.startswith("__torch_") and not code.co_filename.startswith(_HERE):
            called = code.co_qualname
        frame = frame.f_back
    return Seen(Place("?", 0, called), init, settings)


@lru_cache(maxsize=4096)
def _is_passed_over(file: str, function: str) -> bool:
    """Torch, the standard library, isogain, and helpers that write the tensor they are given.

    Those end in an underscore, by torch's convention; who called them is who decided.
    """
    if file.startswith((_TORCH, _HERE, "<frozen")):
        return True
    if file.startswith(_STANDARD) and "site-packages" not in file and "dist-packages" not in file:
        return True
    return function.endswith("_") and not function.endswith("__")


@lru_cache(maxsize=4096)
def _shown(file: str) -> str:
    """The file from its package on; a file outside of any package from the working directory on."""
    path = Path(file)
    for part in ("site-packages", "dist-packages"):
        if part in path.parts:
            return "/".join(path.parts[len(path.parts) - path.parts[::-1].index(part) :])
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
