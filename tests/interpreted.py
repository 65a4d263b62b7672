"""Triton's interpreter, quicker: what it prepares at every call of a function is prepared once a launch.

It walks through all of its language and puts its own functions there, again for each function that a kernel
calls; what is there already stays the same.  Numbers are made by the same code.  Where a version of Triton
has none of these, it runs as it is.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from triton.runtime import interpreter

_patch = getattr(interpreter, "_patch_lang", None)


class _Once:
    """Patches what a function sees of the language, unless that was done since the launch began."""

    def __init__(self, patch: Any) -> None:
        self.patch, self.scope = patch, None
        self.done: set[frozenset[int]] = set()

    def __call__(self, function: Any) -> Any:
        seen = frozenset(id(one) for one in function.__globals__.values() if isinstance(one, ModuleType))
        if self.scope is None or not self.scope._changes:  # a launch: the last one's are taken back
            self.scope, self.done = self.patch(function), {seen}
            return self.scope
        if seen not in self.done:
            self.done.add(seen)
            self.patch(function)
        return self.scope


if _patch is not None and hasattr(interpreter, "_LangPatchScope"):
    interpreter._patch_lang = _Once(_patch)
