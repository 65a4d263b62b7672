"""`default`: what a library's own layer starts from, parameter by parameter."""

from __future__ import annotations

import difflib
import html
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from isogain.checking import shown
from isogain.core.names.catalog import catalog, get
from isogain.core.names.rows import Row
from isogain.core.values.initializer import Initializer
from isogain.errors import InitializerError

__all__ = ["LayerStart", "default"]

WEIGHTS = ("weight", "kernel", "w", "W", "embedding", "embeddings", "embedding_table", "E")
BIASES = ("bias", "b", "offset", "beta")


@dataclass(frozen=True)
class LayerStart(Mapping[str, Initializer]):
    """Parameter -> the Initializer that the layer's library gives it; prints as a table.

    A parameter whose law needs a size that was not given says so when it is asked for.
    """

    name: str
    rows: Mapping[str, Row]
    sizes: Mapping[str, Any]

    def __getitem__(self, parameter: str) -> Initializer:
        row = self.rows.get(parameter) if isinstance(parameter, str) else None
        if row is None:
            known = ", ".join(self.rows)
            raise InitializerError(f"{self.name} has no parameter {shown(parameter)}; it has {known}")
        taken = inspect.signature(row.make).parameters
        missing = [one for one, told in taken.items() if told.default is told.empty and one not in self.sizes]
        if missing:
            needed = ", ".join(f"{one}=..." for one in missing)
            raise InitializerError(
                f'{self.name}.{parameter} is {row.formula}, of sizes: ig.default("{self.name}", {needed})'
            )
        return get(row.name, **{one: value for one, value in self.sizes.items() if one in taken})

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def weight(self) -> Initializer:
        """The law of the weight, kernel, embedding, ...: of the first such parameter."""
        return self[self._first(WEIGHTS, "weight")]

    @property
    def bias(self) -> Initializer:
        """The law of the bias."""
        return self[self._first(BIASES, "bias")]

    def layout(self, parameter: str) -> str:
        """How the library lays this parameter out, as `ig.draw(..., layout=...)` reads it."""
        self._known(parameter)
        return self.rows[parameter].layout

    def _known(self, parameter: str) -> None:
        if not isinstance(parameter, str) or parameter not in self.rows:
            raise InitializerError(
                f"{self.name} has no parameter {shown(parameter)}; it has {', '.join(self.rows)}"
            )

    def _first(self, names: tuple[str, ...], what: str) -> str:
        for parameter in self.rows:
            if parameter.rpartition(".")[2].removesuffix("_dense") in names:
                return parameter
        raise InitializerError(f"{self.name} has no {what}; it has {', '.join(self.rows)}")

    def __str__(self) -> str:
        lines = [f"{self.name} ({next(iter(self.rows.values())).version})"]
        lines += [
            f"  {name}: {row.formula}  [{row.layout}]  {row.summary}" for name, row in self.rows.items()
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [(name, row.formula, row.layout, row.summary) for name, row in self.rows.items()]
        rows = [
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in cells
        ]
        head = "<tr><th>parameter</th><th>law</th><th>layout</th><th>note</th></tr>"
        return f"<table><caption>{html.escape(self.name)}</caption>{head}{''.join(rows)}</table>"


def default(layer: str, /, **sizes: Any) -> LayerStart:
    """What a library's own layer starts from: parameter -> Initializer.

    `layer` is its name with its library ("torch.nn.Linear", "keras.layers.MultiHeadAttention",
    "flax.nnx.LSTMCell", "paddle.compat.nn.Linear"); parts in the middle may be left out ("keras.Dense").
    `sizes` are the layer's own arguments (`in_features=512`, `kernel_size=3`, `groups=4`, `hidden_size=256`):
    laws of vectors need them, since a bias does not show its layer's inputs; others are passed over.
    The numbers were held against the libraries themselves, in the versions that the rows name.

    Raises InitializerError for a layer that is not known, with the nearest names.

    >>> default("torch.nn.Linear").weight
    VarianceScaling(scale=0.3333333333333333, mode='fan_in', distribution='uniform', fan_rule='torch')
    >>> default("torch.nn.Linear", in_features=256).bias
    Uniform(low=-0.0625, high=0.0625)
    """
    name = _resolved(layer)
    return LayerStart(name, _layers()[name], sizes)


@lru_cache(maxsize=1)
def _layers() -> Mapping[str, Mapping[str, Row]]:
    """Layer -> parameter -> row, of every row that belongs to a layer, by all its names."""
    found: dict[str, dict[str, Row]] = {}
    for row in catalog():
        if row.layout:
            for name in (row.name, *row.aliases):
                layer, parameter = _split(name)
                found.setdefault(layer, {})[parameter] = row
    return found


def _split(name: str) -> tuple[str, str]:
    """The layer, up to its first word with a capital, and the parameter behind it."""
    match = re.match(r"((?:[^.]+\.)*?[A-Z][^.]*)\.(.+)", name)
    if match:
        return match[1], match[2]
    layer, _, parameter = name.rpartition(".")
    return layer, parameter


def _resolved(layer: str) -> str:
    if not isinstance(layer, str):
        raise InitializerError(f"a layer is a name such as 'torch.nn.Linear', got {shown(layer)}")
    known = _layers()
    plain = {name.lower(): name for name in known}
    if layer.lower() in plain:
        return plain[layer.lower()]
    library, _, rest = layer.lower().partition(".")
    ends = [
        name
        for low, name in plain.items()
        if rest and low.startswith(f"{library}.") and low.endswith(f".{rest}")
    ]
    if ends:
        return ends[-1]
    near = difflib.get_close_matches(layer.lower(), list(plain), n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(repr(plain[one]) for one in near)}?"
        if near
        else "isogain catalog lists them."
    )
    raise InitializerError(f"no layer is called {shown(layer)}; {hint}")
