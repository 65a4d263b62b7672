"""The catalog: name -> Initializer, one row each, with formula and source.

A scheme is a function whose signature is its parameters and whose body is one line of the general
law; `@scheme(...)` makes it a row.  Rows are grouped by what they are for (`GROUPS`).  The command
line, the documentation and the tests walk the rows.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NoReturn

from isogain.core.initializer import Initializer
from isogain.errors import InitializerError, IsogainError

__all__ = ["GROUPS", "Catalog", "Row", "catalog", "dialect", "get", "scheme", "use_function"]

Maker = Callable[..., Initializer]
TABLES = ("schemes", "literature", "dialects")
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
_ROWS: list[Row] = []


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
        }


@dataclass(frozen=True)
class Catalog:
    """All rows, in order; prints as a table, and `catalog["he_normal"]` is one row."""

    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Row:
        return _find(name)

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        return "\n".join(f"{row.name:<{width}}  {row.formula}  [{row.source}]" for row in self.rows)


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
        _ROWS.append(Row(name, make, formula, source, group, **facts))
        return make

    return register


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


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Every named scheme: name, aliases, parameters, formula, source.

    >>> catalog()["he_normal"].formula
    'w ~ N(0, 2 / fan_in)'
    """
    for table in TABLES:
        importlib.import_module(f"isogain.core.{table}")
    return Catalog(tuple(sorted(_ROWS, key=_place)))


def _place(row: Row) -> tuple[int, bool, str]:
    """isogain's own rows by group, then framework by framework, whatever was imported first."""
    module = row.make.__module__
    group = GROUPS.index(row.group) if row.group in GROUPS else len(GROUPS)
    return group, not module.endswith(".schemes"), module


@lru_cache(maxsize=1)
def _index() -> Mapping[str, Row]:
    index: dict[str, Row] = {}
    for row in catalog():
        for name in (row.name, *row.aliases):
            other = index.setdefault(_plain(name), row)
            if other is not row:
                raise AssertionError(f"the catalog has {name!r} twice: {other.name} and {row.name}")
    return index


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _find(name: str) -> Row:
    row = _index().get(_plain(name))
    if row is None:
        near = difflib.get_close_matches(_plain(name), list(_index()), n=3, cutoff=0.6)
        found = list(dict.fromkeys(_index()[key].name for key in near))
        hint = f"did you mean {' or '.join(map(repr, found))}?" if found else "ig.catalog() lists them."
        raise InitializerError(f"no initializer is called {name!r}; {hint}")
    return row


def get(which: str | Initializer | Mapping[str, Any], **parameters: Any) -> Initializer:
    """The Initializer a name stands for, with its parameters.

    A name is any row of the catalog, with any capitals, '-' or '_' ("he_normal", "HeNormal",
    "keras.GlorotUniform", "torch.kaiming_uniform_"); an Initializer is returned as it is, a dictionary
    of `to_dict` is read.  Raises InitializerError for an unknown name (with the nearest ones), an unknown
    parameter (with the signature) or a bad value.

    >>> get("he_normal")
    VarianceScaling(scale=2.0, mode='fan_in', distribution='normal')
    """
    if isinstance(which, Initializer):
        return which.replace(**parameters) if parameters else which
    if isinstance(which, Mapping):
        return Initializer.from_dict({**which, **parameters})
    if not isinstance(which, str):
        raise InitializerError(f"an initializer is a name or an Initializer, got {which!r}")
    row = _find(which)
    try:
        inspect.signature(row.make).bind(**parameters)
    except TypeError as error:
        raise InitializerError(f"{row.name}: {error}; its parameters are {row.signature}") from error
    try:
        return row.make(**parameters)
    except IsogainError as error:
        raise type(error)(f"{row.name}: {error}") from error
    except (TypeError, AttributeError) as error:
        raise InitializerError(f"{row.name}{row.signature} cannot take {parameters}: {error}") from error
