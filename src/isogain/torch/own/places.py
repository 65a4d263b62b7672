"""Whose line asked for an operation: the first caller outside torch, the standard library, init helpers."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch

__all__ = ["Place", "Seen", "depth_of_caller", "is_passed_over", "look", "shown_file"]

_TORCH = f"{Path(torch.__file__).parent}{os.sep}"
"""With a separator at the end, as torchvision and others are no part of torch."""
_HERE = f"{Path(__file__).parent}{os.sep}"
_ISOGAIN = f"{Path(__file__).parents[2]}{os.sep}"
_STANDARD = f"{sysconfig.get_paths()['stdlib']}{os.sep}"

_INIT = {
    getattr(torch.nn.init, name).__code__: name
    for name in (
        "uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_",
        "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_",
    )
}  # fmt: skip
_MOST = 1 << 14


class Place(NamedTuple):
    """A line of somebody's code, and what of torch's it called there."""

    file: str
    line: int
    called: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.called})" if self.called else f"{self.file}:{self.line}"


class Seen(NamedTuple):
    """What the stack says about an operation: whose line it is, and the init function it is part of."""

    place: Place
    init: str = ""
    settings: Mapping[str, Any] | None = None


class _Function:
    """What is known of a function by its code."""

    __slots__ = ("code", "init", "is_named", "is_passed_over", "shown")

    def __init__(self, code: CodeType) -> None:
        file, name = code.co_filename, code.co_name
        self.code = code
        """Held, so that no other code gets its address."""
        self.init = _INIT.get(code, "")
        self.is_passed_over = _is_passed_over(file, name)
        self.is_named = not name.startswith("__torch_") and not file.startswith(_HERE)
        """Whether it may be what somebody called."""
        self.shown = shown_file(file)


_FUNCTIONS: dict[int, _Function] = {}
"""By the address of the code: hashing code itself goes through all of its constants."""


def _function(code: CodeType) -> _Function:
    if len(_FUNCTIONS) > _MOST:
        _FUNCTIONS.clear()
    found = _FUNCTIONS[id(code)] = _Function(code)
    return found


def look(frame: FrameType | None) -> Seen:
    """Reads the stack from a frame outwards."""
    init, settings, called = "", None, None
    known_by = _FUNCTIONS.get
    while frame is not None:
        code = frame.f_code
        known = known_by(id(code)) or _function(code)
        if known.init:
            init, settings = known.init, frame.f_locals
        if not known.is_passed_over:
            place = Place(known.shown, frame.f_lineno, called.co_qualname if called else "")
            return Seen(place, init, settings)
        if known.is_named:
            called = code
        frame = frame.f_back
    return Seen(Place("?", 0, called.co_qualname if called else ""), init, settings)


def depth_of_caller() -> int:
    """The `stacklevel` by which a warning of the calling function points to whoever called isogain."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and is_passed_over(frame.f_code):
        frame, level = frame.f_back, level + 1
    return level


def is_passed_over(code: CodeType) -> bool:
    """Whether it is torch's, the standard library's or isogain's.

    So are packages beside torch that begin like it: torchvision's `get_model` names every builder, and
    some of them write unseen, whichever was meant.
    """
    file = code.co_filename
    return file.startswith((_ISOGAIN, _TORCH.rstrip(os.sep), "<frozen")) or _is_standard(file)


def _is_standard(file: str) -> bool:
    return file.startswith(_STANDARD) and "site-packages" not in file and "dist-packages" not in file


def _is_passed_over(file: str, function: str) -> bool:
    """Torch, the standard library, isogain, and helpers that write the tensor they are given.

    Those end in an underscore, by torch's convention; who called them is who decided.
    """
    if file.startswith((_TORCH, _HERE, "<frozen")):
        return True
    if _is_standard(file):
        return True
    return function.endswith("_") and not function.endswith("__")


@lru_cache(maxsize=4096)
def shown_file(file: str) -> str:
    """The file from its package on; a file outside of any package from the working directory on."""
    path = Path(file)
    for part in ("site-packages", "dist-packages"):
        if part in path.parts:
            return "/".join(path.parts[len(path.parts) - path.parts[::-1].index(part) :])
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
