"""What a job is, as a hash that is the same in every process: of JSON, of arrays, of functions' own code."""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["content_hash", "described", "json_hash"]

DEEPEST = 12
"""Calls within calls that are followed; what lies deeper counts by its name."""


def json_hash(content: Any) -> str:
    """sha256 over the canonical JSON of `content`, in hex."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(value: Any) -> str:
    """sha256 over what `described` says of any value, in hex."""
    return hashlib.sha256("\n".join(described(value)).encode()).hexdigest()


def described(value: Any) -> Iterable[str]:
    """Lines that are equal for equal values, whatever process they are in.

    A function is its bytecode, its constants, its defaults, what it closes over, and the functions and
    classes of its own package that it names: an edit gives another hash, an address or a file's place does
    not.
    """
    return _Describer().lines(value, 0)


class _Describer:
    """Walks a value once; what was met before is told by its number."""

    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        self.kept: list[Any] = []

    def lines(self, value: Any, depth: int) -> Iterable[str]:
        """The lines of one value."""
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return [f"{type(value).__name__} {value!r}"]
        if id(value) in self.met:
            return [f"met {self.met[id(value)]}"]
        self.met[id(value)] = len(self.met)
        self.kept.append(value)  # an id is one's own only while one lives
        return [type(value).__qualname__, *self._parts(value, depth)]

    def _parts(self, value: Any, depth: int) -> Iterable[str]:
        if isinstance(value, types.CodeType):
            return self._code(value, depth)
        if isinstance(value, (types.FunctionType, types.MethodType, type, partial)):
            return self._callable(value, depth)
        if isinstance(value, Mapping):
            return self._several([part for pair in value.items() for part in pair], depth)
        if isinstance(value, (list, tuple)):
            return self._several(value, depth)
        if isinstance(value, (set, frozenset)):
            return sorted(line for one in value for line in self.lines(one, depth + 1))
        return self._other(value, depth)

    def _several(self, values: Iterable[Any], depth: int) -> Iterable[str]:
        return [line for one in values for line in self.lines(one, depth + 1)]

    def _callable(self, value: Any, depth: int) -> Iterable[str]:
        if isinstance(value, partial):
            return self._several([value.func, value.args, value.keywords], depth)
        if isinstance(value, types.MethodType):
            return self._several([value.__func__, value.__self__], depth)
        name = f"{value.__module__}.{value.__qualname__}"
        if isinstance(value, type):
            own = [part for part in vars(value).values() if isinstance(part, types.FunctionType)]
            return [name, *self._several(own if depth < DEEPEST and not _installed(value) else [], depth)]
        cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        inner = [value.__code__, value.__defaults__, value.__kwdefaults__, cells, *_named(value)]
        return [value.__qualname__, *self._several(inner if depth < DEEPEST else [], depth)]

    def _code(self, code: types.CodeType, depth: int) -> Iterable[str]:
        constants = code.co_consts[1:] if code.co_consts and _is_docstring(code) else code.co_consts
        names = [code.co_code.hex(), repr(code.co_names), repr(code.co_varnames)]
        return [*names, *self._several(constants, depth)]

    def _other(self, value: Any, depth: int) -> Iterable[str]:
        if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
            numbers = _numbers(value)
            digest = hashlib.sha256(numbers.tobytes()).hexdigest()
            return [f"{numbers.dtype.str} {numbers.shape} {digest}"]
        fields = getattr(value, "__dict__", None)
        if isinstance(value, types.ModuleType) or not fields or depth >= DEEPEST:
            return [getattr(value, "__qualname__", getattr(value, "__name__", type(value).__module__))]
        return self._several([type(value), fields], depth)


def _numbers(value: Any) -> NDArray[Any]:
    """An array, or what can be one; types that NumPy lacks are widened, which loses nothing."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.double() if str(value.dtype).endswith(("bfloat16", "e4m3fn", "e5m2")) else value
    return np.ascontiguousarray(np.asarray(value))


def _filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _is_docstring(code: types.CodeType) -> bool:
    return isinstance(code.co_consts[0], str) and not code.co_name.startswith("<")


def _package(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0]


def _installed(thing: Any) -> bool:
    """Whether this is a library's: it counts by its name, its version is part of the key."""
    return _package(thing) in ("builtins", "torch", "numpy", "isogain")


def _named(function: types.FunctionType) -> list[Any]:
    """Functions and classes of the function's own package that its code names, and plain values."""
    found = [function.__globals__.get(name) for name in sorted(_names(function.__code__))]
    ours = [
        one
        for one in found
        if isinstance(one, (types.FunctionType, type)) and _package(one) == _package(function)
    ]
    plain = [one for one in found if isinstance(one, (bool, int, float, str, tuple))]
    return [*([] if _installed(function) else ours), *plain]


def _names(code: types.CodeType) -> set[str]:
    """Global names of a code object and of those inside it."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))
