"""What a job is, as a hash that is the same in every process: of JSON, of arrays, of functions' own code."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
import types
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["content_hash", "described", "json_hash"]

DEEPEST = 12
"""Calls within calls that are followed; what lies deeper counts by its name."""
PLAIN = (bool, int, float, str, tuple)
KEYED = ("builtins", "torch", "numpy", "isogain")
"""Packages of which the key says the version, or that stand still."""
PLACES = ("__module__", "__qualname__", "__doc__", "__firstlineno__", "__static_attributes__")
"""Of a class: where it stands and what is said of it."""


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
    classes that it names, of its own package and whatever else is no library's: an edit gives another hash,
    an address or a file's place does not, nor whether the file is imported or run itself.
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
        if isinstance(value, type):
            return self._class(value, depth)
        cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        inner = [value.__code__, value.__defaults__, value.__kwdefaults__, cells, *_named(value)]
        return [value.__qualname__, *self._several(inner if depth < DEEPEST else [], depth)]

    def _class(self, kind: type, depth: int) -> Iterable[str]:
        """A library's by its name, one's own by what it is made of, wherever it stands."""
        if _installed(kind):
            return [_full_name(kind)]
        bases = [_full_name(base) if _library(_package(base)) else base for base in kind.__bases__]
        parts = [pair for pair in vars(kind).items() if isinstance(pair[1], (types.FunctionType, *PLAIN))]
        own = [*bases, *(pair for pair in parts if pair[0] not in PLACES)]
        return [kind.__qualname__, *self._several(own if depth < DEEPEST else [], depth)]

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
            return [getattr(value, "__qualname__", getattr(value, "__name__", type(value).__qualname__))]
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


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _package(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0]


@cache
def _library(package: str) -> bool:
    """Whether a package lies where Python's own and other people's lie, not where one works."""
    if package in (*KEYED, "__main__"):
        return package != "__main__"
    module = sys.modules.get(package)
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    theirs = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    return not place or any(Path(place).is_relative_to(one) for one in theirs)


def _installed(thing: Any) -> bool:
    """Whether this is a library's: it counts by its name, its version is part of the key."""
    return _package(thing) in KEYED


def _named(function: types.FunctionType) -> list[Any]:
    """Functions and classes that its code names, of its own package or no library's, and plain values."""
    found = [function.__globals__.get(name) for name in sorted(_names(function.__code__))]
    named = [one for one in found if isinstance(one, (types.FunctionType, type))]
    ours = [one for one in named if _package(one) == _package(function) or not _library(_package(one))]
    plain = [one for one in found if isinstance(one, PLAIN)]
    return [*([] if _installed(function) else ours), *plain]


def _names(code: types.CodeType) -> set[str]:
    """Global names of a code object and of those inside it."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))
