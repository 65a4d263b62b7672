"""One model of a library: how it is built, what it is fed, and which half of the survey it is in."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from torch import Tensor, nn

Loss = Callable[[Any], Tensor] | None
Batch = tuple[Any, Loss]
"""What the model is given, and the loss of what it returns; None where the model returns its loss itself."""
Task = Callable[[int], Batch]
"""The batch of a seed."""


@dataclass(frozen=True, eq=False)
class Model:
    """A row of the survey."""

    name: str
    """library/constructor, unique."""
    library: str
    """The distribution that it is installed from."""
    build: Callable[[], nn.Module]
    task: Task
    trains: bool = True
    """False where a hundred steps on this task say nothing (no task of its own, or too slow)."""

    @property
    def half(self) -> str:
        """What is tuned on, or what is only reported: a coin that was thrown before anything ran."""
        return ("tune", "report")[hashlib.blake2b(self.name.encode()).digest()[0] % 2]

    @property
    def version(self) -> str | None:
        """The installed version of its library; None where there is none."""
        try:
            return version(self.library)
        except PackageNotFoundError:
            return None


_MODELS: dict[str, Model] = {}


def add(library: str, rows: Mapping[str, Callable[[], nn.Module]], task: Task, trains: bool = True) -> None:
    """Enters models of a library that share a task."""
    for short, build in rows.items():
        name = f"{library}/{short}"
        if name in _MODELS:
            raise ValueError(f"{name} is in the survey already")
        _MODELS[name] = Model(name, library, build, task, trains)


@cache
def every() -> Mapping[str, Model]:
    """All models, by name; those of libraries that are not installed as well."""
    for module in _families():
        importlib.import_module(module)
    return _MODELS


def _families() -> Iterator[str]:
    from survey import families

    return (f"{families.__name__}.{found.name}" for found in pkgutil.iter_modules(families.__path__))
