"""The catalog: name -> Initializer, every row of isogain's own schemes, the literature and the dialects.

The command line, the documentation and the tests walk the rows.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from textwrap import shorten
from typing import Any, ClassVar

from isogain.checking import shown
from isogain.core.names import dialects, layers, literature, schemes
from isogain.core.names.rows import GROUPS, ROWS, Row
from isogain.core.names.typed import InitializerName
from isogain.core.values.initializer import Initializer
from isogain.errors import InitializerError, IsogainError
from isogain.rendering import MOST_LINES, Shown, shortened

__all__ = ["TABLES", "Catalog", "catalog", "get"]

LONGEST = 80
"""Letters of a name that may be a misspelt one."""
LIKE = 0.6
"""Share of letters in which a name that is suggested agrees with the one that is not known."""
TABLES = (schemes, literature, dialects, layers)
"""Whose import makes the rows."""


@dataclass(frozen=True)
class Catalog(Shown):
    """All rows, in order; prints as a table, and `catalog["he_normal"]` is one row."""

    shown_as: ClassVar[str] = "catalog"
    rows: tuple[Row, ...]

    def records(self) -> Iterator[dict[str, Any]]:
        """Every row as data."""
        return (row.to_dict() for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Row:
        return _find(name)

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        lines = [f"{row.name:<{width}}  {row.formula}  [{row.source}]" for row in self.rows]
        return "\n".join(shortened(lines, MOST_LINES, 'catalog["he_normal"] is one, .to_frame() has all'))

    def __repr__(self) -> str:
        return f'<Catalog of {len(self.rows)} named initializers; catalog["he_normal"] is one>'


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Every named scheme: name, aliases, parameters, formula, source.

    >>> catalog()["he_normal"].formula
    'w ~ N(0, 2 / fan_in)'
    """
    return Catalog(tuple(sorted(ROWS, key=_place)))


def _place(row: Row) -> tuple[int, bool, str]:
    """isogain's own rows by group, then framework by framework, whatever was imported first."""
    module = row.make.__module__
    group = GROUPS.index(row.group) if row.group in GROUPS else len(GROUPS)
    return group, not module.endswith(".schemes"), module


def _settings(row: Row) -> str:
    """What can be set of a row: its parameters, or those of the law that it is."""
    if row.signature != "()" or row.function:
        return f"its parameters are {row.signature}"
    return f"its parameters are () and its law is {row.make()!r}: get({row.name!r}).replace(...) sets those"


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
    if not isinstance(name, str):
        raise InitializerError(f"an initializer is a name or an Initializer, got {shown(name)}")
    row = _index().get(_plain(name))
    if row is None:
        found = _near(name)
        hint = f"did you mean {' or '.join(map(repr, found))}?" if found else "ig.catalog() lists them."
        raise InitializerError(f"no initializer is called {shown(name)}; {hint}")
    return row


def _near(name: str) -> list[str]:
    """The names of at most three rows, most alike first; of equals isogain's own, then PyTorch's.

    A name without a framework in front is compared with what stands behind the dot.
    """
    found: dict[str, tuple[float, int, str]] = {}
    if len(name) > LONGEST:  # no misspelt name, and comparing takes its length times all names
        return []
    for row in catalog():
        for known in (row.name, *row.aliases):
            word = known if "." in name else known.rpartition(".")[2]
            likeness = difflib.SequenceMatcher(None, _plain(name), _plain(word)).ratio()
            order = 0 if "." not in known else 1 if known.startswith("torch.") else 2
            if likeness >= LIKE:
                found[row.name] = min(found.get(row.name, (0.0, 0, "")), (-likeness, order, known))
    return [known for _, _, known in sorted(found.values())[:3]]


def get(which: InitializerName | str | Initializer | Mapping[str, Any], **parameters: Any) -> Initializer:
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
    row = _find(which)
    try:
        inspect.signature(row.make).bind(**parameters)
    except TypeError as error:
        raise InitializerError(f"{row.name}: {error}; {_settings(row)}") from error
    try:
        return row.make(**parameters)
    except IsogainError as error:
        raise type(error)(f"{row.name}: {error}") from error
    except Exception as error:  # a row is a line of arithmetic on what it is given
        raise InitializerError(
            f"{row.name}{row.signature} cannot take {shown(parameters)}: {shorten(str(error), 200)}"
        ) from error
