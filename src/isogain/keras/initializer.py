"""isogain's initializers as Keras': any layer of Keras 3, on any backend, saved with the model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from isogain.checking import Checks, shown
from isogain.core.geometry.layout import DEFAULT_LAYOUT, Geometry, implied
from isogain.core.names.catalog import get
from isogain.core.names.typed import InitializerName
from isogain.core.values.distributions import ConstantLaw
from isogain.core.values.initializer import Initializer
from isogain.drawing import draw_law
from isogain.drawing.public import law_of
from isogain.errors import InitializerError
from isogain.keras.places import Place, place_of

__all__ = ["IsogainInitializer", "to_keras"]

CHECKS = Checks(InitializerError)


@keras.saving.register_keras_serializable(package="isogain")
class IsogainInitializer(keras.initializers.Initializer):  # type: ignore[misc]
    """A Keras initializer that draws as `ig.draw` does, with the fans of the layer that asks.

    `initializer` is a name, an isogain Initializer, or its dictionary.  `seed` None takes one of Keras'
    own; an integer gives the same bits on every backend; a keras.random.SeedGenerator others at each call.
    `path` None is the weight's own path in the model; `layout`, `groups`, `stride` and `transposed` None
    are what the layer's class says (`isogain.keras.places`).
    """

    def __init__(
        self,
        initializer: InitializerName | str | Initializer | Mapping[str, Any],
        seed: Any = None,
        path: str | None = None,
        layout: str | None = None,
        groups: int | None = None,
        stride: int | Sequence[int] | None = None,
        transposed: bool | None = None,
    ) -> None:
        self.initializer = get(initializer)
        self.path = None if path is None else CHECKS.text("path", path, "dense/kernel")
        steps = tuple(stride) if isinstance(stride, list | tuple) else stride
        given: dict[str, Any] = {"groups": groups, "stride": steps, "transposed": transposed}
        Geometry.of((), layout, **{name: value for name, value in given.items() if value is not None})
        self.geometry = {"layout": None if layout is None else str(layout), **given}
        self._given_seed = seed
        self.seed = _checked_seed(seed)
        self._deferred: dict[str, Place] = {}

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """A tensor of the backend, of this shape."""
        sizes = tuple(int(size) for size in shape)
        name = keras.backend.standardize_dtype(dtype)
        place = place_of(self, sizes, self._deferred)
        chosen = {key: value for key, value in self.geometry.items() if value is not None}
        usual = " ".join(["out"] * len(sizes)) or "*"
        geometry: dict[str, Any] = {"layout": implied(usual)}
        if len(sizes) > 1 or "layout" in chosen:
            read = implied(place.usage.get("layout", DEFAULT_LAYOUT))
            geometry = {**place.usage, "layout": read, **chosen}
        law = law_of(self.initializer, sizes, dtype=name, **geometry)
        if isinstance(law, ConstantLaw):
            return keras.ops.full(sizes, law.value, dtype=name)
        path = place.path if self.path is None else self.path
        values = draw_law(law, sizes, seed=_integer(self.seed), path=path, dtype=name)
        return keras.ops.convert_to_tensor(values, dtype=name)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes an equal initializer of."""
        given = {key: value for key, value in self.geometry.items() if value is not None}
        seed = keras.saving.serialize_keras_object(self._given_seed)
        place = {} if self.path is None else {"path": self.path}
        return {"initializer": self.initializer.to_dict(), "seed": seed, **place, **given}


def to_keras(
    initializer: InitializerName | str | Initializer | Mapping[str, Any],
    *,
    seed: Any = None,
    path: str | None = None,
    layout: str | None = None,
    groups: int | None = None,
    stride: int | Sequence[int] | None = None,
    transposed: bool | None = None,
) -> IsogainInitializer:
    """Return the initializer as Keras' own kind of object, for `kernel_initializer=` and its kin.

    The fans are the layer's: grouped, depthwise, separable and transposed convolutions, EinsumDense and
    attention, embeddings, the gates of LSTM and GRU each for themselves.  The numbers are `ig.draw`'s for
    (seed, path of the weight), so one object may serve many layers and every layer has its own weights;
    the same seed and names give the same bits on JAX, torch and TensorFlow.  Called by itself, outside of
    a layer, it gives the same tensor at each call.

    Raises InitializerError for an unknown initializer or seed.

    >>> import keras
    >>> layer = keras.layers.Dense(512, kernel_initializer=to_keras("he_normal", seed=0))
    >>> layer.build((None, 784)); layer.kernel.shape
    (784, 512)
    """
    return IsogainInitializer(initializer, seed, path, layout, groups, stride, transposed)


def _checked_seed(seed: Any) -> Any:
    if seed is None:  # as Keras chooses: from Python's generator, which keras.utils.set_random_seed governs
        return random.randint(1, 10**9)
    if isinstance(seed, Mapping):
        return _read_seed(seed)
    if isinstance(seed, keras.random.SeedGenerator) or (isinstance(seed, int) and not isinstance(seed, bool)):
        return seed
    raise InitializerError(
        f"`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer, "
        f"got {shown(seed)}"
    )


def _read_seed(seed: Mapping[str, Any]) -> Any:
    """What `get_config` wrote of a seed."""
    try:
        read = keras.saving.deserialize_keras_object(seed)
    except Exception:
        read = None
    if read is None or isinstance(read, Mapping):
        raise InitializerError(f"{shown(seed)} is not the configuration of a SeedGenerator")
    return _checked_seed(read)


def _integer(seed: Any) -> int:
    """The integer of a seed; a SeedGenerator's next one, both of its words."""
    if isinstance(seed, int):
        return seed
    words = np.asarray(keras.ops.convert_to_numpy(seed.next()), dtype=np.uint64).ravel()
    return sum(int(word) << (32 * place) for place, word in enumerate(words[:2]))
