"""isogain's initializers with TensorFlow 1's signature, for tf.compat.v1.get_variable and its layers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from isogain.checking import shown
from isogain.core.geometry.layout import Geometry, LayoutLike
from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.drawing import draw_law
from isogain.drawing.dtypes import Dtype, complex_parts
from isogain.drawing.key import Key
from isogain.drawing.public import law_of
from isogain.errors import InitializerError

__all__ = ["TF1Initializer", "to_tf1"]


class TF1Initializer:
    """An initializer as tf.compat.v1 calls them: (shape, dtype=None, partition_info=None)."""

    def __init__(
        self,
        initializer: str | Initializer | Mapping[str, Any],
        seed: int = 0,
        path: str | None = None,
        dtype: Any = "float32",
        **geometry: Any,
    ) -> None:
        self.initializer = get(initializer)
        self.seed = seed
        self.path = path
        self.dtype = _dtype_name(dtype)
        self.geometry = {key: value for key, value in geometry.items() if value is not None}

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, partition_info: Any = None, verify_shape: Any = None
    ) -> Any:
        """The tensor; of a partitioned variable its part, the same numbers as in the whole."""
        import tensorflow as tf

        part = [int(size) for size in shape]
        whole, offset = part, [0] * len(part)
        if partition_info is not None:
            whole = [int(size) for size in partition_info.full_shape]
            offset = [int(start) for start in partition_info.var_offset]
        name = self.dtype if dtype is None else _dtype_name(dtype)
        law = law_of(self.initializer, tuple(whole), dtype=name, **self.geometry)
        region = tuple(slice(start, start + size) for start, size in zip(offset, part, strict=True))
        path = self.path if self.path is not None else _variable_path(tf, partition_info is not None)
        return tf.constant(draw_law(law, whole, seed=self.seed, path=path, dtype=name, region=region))

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes an equal initializer of."""
        place = {} if self.path is None else {"path": self.path}
        initializer = self.initializer.to_dict()
        return {
            "initializer": initializer, "seed": self.seed, "dtype": self.dtype, **place, **self.geometry
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TF1Initializer:
        """The initializer a dictionary of `get_config` stands for."""
        return cls(**config)


def to_tf1(
    initializer: str | Initializer | Mapping[str, Any],
    *,
    seed: int = 0,
    path: str | None = None,
    layout: LayoutLike = None,
    dtype: Any = "float32",
    **geometry: Any,
) -> TF1Initializer:
    """Return the initializer for tf.compat.v1: called as (shape, dtype=None, partition_info=None).

    The numbers are `ig.draw`'s for (seed, path); `path` None is the name of the variable that is being made
    in a graph.  Executing eagerly TensorFlow keeps no such name: give each variable its own `path`
    there, or all of a scope get the same.  A partitioned variable holds the numbers of the whole one.
    `groups`, `stride` and `transposed` say, with `layout`, how the weight is used.

    Raises InitializerError for an unknown initializer or argument.
    """
    unknown = sorted(set(geometry) - {"groups", "stride", "transposed"})
    if unknown:
        raise InitializerError(f"to_tf1 has no argument {', '.join(unknown)}")
    Geometry.of((), layout, **geometry)
    Key.of(seed, "" if path is None else path)
    return TF1Initializer(initializer, seed, path, dtype, layout=layout, **geometry)


def _dtype_name(dtype: Any) -> str:
    base = getattr(dtype, "base_dtype", dtype)
    name = str(getattr(base, "name", shown(base).strip("'")))
    if complex_parts(name) is None:
        Dtype.of(name)
    return name


def _variable_path(tf: Any, is_part: bool) -> str:
    """'net/w' while the graph is inside 'net/w/Initializer' (of a part: 'net/w/part_0/Initializer')."""
    scope = str(tf.compat.v1.get_default_graph().get_name_scope())
    path = scope.removesuffix("/Initializer") or str(tf.compat.v1.get_variable_scope().name)
    return re.sub(r"/part_\d+$", "", path) if is_part else path
