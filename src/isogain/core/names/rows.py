"""Rows of the catalog, and the decorators that make them.

A scheme is a function whose signature is its parameters and whose body is one line of the general
law; `@scheme(...)` makes it a row.  Rows are grouped by what they are for (`GROUPS`).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from isogain.core.values.initializer import Initializer
from isogain.errors import InitializerError, IsogainError

__all__ = ["GROUPS", "ROWS", "Row", "dialect", "line", "scheme", "table", "use_function"]

Maker = Callable[..., Initializer]
GROUPS = (
    "general",
    "deep plain networks",
    "residual networks",
    "transformers",
    "recurrent networks",
    "state space models",
    "adapters",
    "detection",
    "widths and parametrization",
    "implicit representations",
    "kernels and sparse patterns",
    "biases and constants",
    "fixed scales",
)
"""What isogain's own rows are for, in the order they are listed; the frameworks' names follow."""
ROWS: list[Row] = []
"""Every row made so far; `isogain.core.names.catalog` has them all."""


@dataclass(frozen=True)
class Row:
    """One named scheme: what it makes, its law as a formula, and where it comes from."""

    name: str
    make: Maker
    formula: str
    source: str
    group: str
    aliases: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    """What has to be known beside the shape: "number of blocks", "data", "weights", ..."""
    example: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Parameters with which `ig.get(name, **example)` gives an initializer."""
    function: str | None = None
    """What to call instead of `ig.get`, for a scheme that reads data or weights."""
    uncertain: str = ""
    """Which of the constants could not be confirmed in the paper or its authors' code."""
    version: str = ""
    """The distribution and version that a library's row was held against."""
    layout: str = ""
    """How the library's own layer lays this weight out, where the row is of a layer."""

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Everything a draw depends on beside seed and path: the fans of the layout, depth, data, ..."""
        reads_layout = self.function is None and _refuses_a_vector(self.make(**self.example))
        return (*(("fans",) if reads_layout else ()), *self.requires)

    @property
    def call(self) -> str:
        """An example call, as one would write it."""
        if self.function is not None:
            return self.function
        arguments = "".join(f", {name}={json.dumps(value)}" for name, value in self.example.items())
        return f'ig.get("{self.name}"{arguments})'

    @property
    def summary(self) -> str:
        """What the scheme is for, and where it differs from what one would expect."""
        return inspect.cleandoc(self.make.__doc__ or "")

    @property
    def signature(self) -> str:
        """The parameters with their defaults, as `ig.get(name, ...)` takes them."""
        empty = inspect.Parameter.empty
        plain = [p.replace(annotation=empty) for p in inspect.signature(self.make).parameters.values()]
        return str(inspect.Signature(plain))

    def __str__(self) -> str:
        facts = (self.formula, self.summary, f"source: {self.source}", f"in Python: {self.call}")
        return "\n".join([self.name + self.signature, *(f"  {fact}" for fact in facts if fact)])

    def __repr__(self) -> str:
        return f"<Row {self.name}{self.signature}: {self.formula}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-ready data."""
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "group": self.group,
            "formula": self.formula,
            "source": self.source,
            "signature": self.signature,
            "summary": self.summary,
            "needs": list(self.needs),
            "example": self.call,
            "function": self.function,
            "uncertain": self.uncertain,
            "version": self.version,
            "layout": self.layout,
        }


def _refuses_a_vector(initializer: Initializer) -> bool:
    """Whether the law cannot be told from the shape of a bias alone."""
    for is_complex in (False, True):
        try:
            initializer.law((12,), layout="out", is_complex=is_complex)
        except IsogainError:
            continue
        return False
    return True


def scheme(name: str, *, formula: str, source: str, group: str, **facts: Any) -> Callable[[Maker], Maker]:
    """Make the decorated function the catalog's row `name`; `facts` are the other fields of a Row."""

    def register(make: Maker) -> Maker:
        ROWS.append(Row(name, make, formula, source, group, **facts))
        return make

    return register


def line(name: str, formula: str, source: str, group: str, says: str, make: Maker, *aliases: str) -> None:
    """A row on one line, for schemes that differ from their neighbours in numbers alone."""
    make.__doc__ = says
    scheme(name, formula=formula, source=source, group=group, aliases=aliases)(make)


def table(prefix: str, group: str, module: str, version: str) -> Callable[..., None]:
    """A `row(name, formula, note, maker, *other names)` for a library's rows, one a line."""

    def row(name: str, formula: str, note: str, make: Maker, *others: str, **facts: Any) -> None:
        make.__doc__ = note
        aliases = tuple(f"{prefix}.{other}" for other in others)
        told = {"source": f"{module}.{name}", "group": group, "version": version, "aliases": aliases, **facts}
        scheme(f"{prefix}.{name}", formula=formula, **told)(make)

    return row


def use_function(name: str, function: str, reads: str) -> NoReturn:
    """What the maker of a row with a `function` does: say what to call."""
    raise InitializerError(f"{name} reads {reads}, which no initializer sees: call {function}")


def dialect(prefix: str, group: str, module: str) -> Callable[..., Callable[[Maker], Maker]]:
    """A `row(name, formula, *other names)` decorator for one framework's own names."""

    def row(name: str, formula: str, *others: str, **facts: Any) -> Callable[[Maker], Maker]:
        aliases = tuple(f"{prefix}.{other}" for other in others)
        source = f"{module}.{name}"
        return scheme(
            f"{prefix}.{name}", formula=formula, source=source, group=group, aliases=aliases, **facts
        )

    return row
