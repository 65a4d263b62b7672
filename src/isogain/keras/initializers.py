"""keras.initializers' names and arguments, drawn by isogain: swap the import and keep the code.

    from isogain.keras import initializers      # in place of: from keras import initializers

Each class follows Keras' own law and Keras' own reading of the shape (the catalog's rows "keras.*");
for the fans of the layer, take isogain's names with `to_keras`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from isogain.core.names.catalog import get as scheme
from isogain.errors import InitializerError
from isogain.keras.initializer import IsogainInitializer

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]

Axes = Sequence[int] | None


class Named(IsogainInitializer):
    """The base of Keras' names: the arguments are attributes and the configuration, as in Keras."""

    row: ClassVar[str]
    seeded: ClassVar[bool] = True

    def __init__(self, seed: Any = None, **parameters: Any) -> None:
        super().__init__(scheme(f"keras.{self.row}", **parameters), seed)
        self._parameters = parameters
        for name, value in parameters.items():
            setattr(self, name, value)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        seed = {"seed": keras.saving.serialize_keras_object(self._given_seed)} if self.seeded else {}
        return {**self._parameters, **seed}


class Zeros(Named):
    """w = 0."""

    row = "Zeros"
    seeded = False

    def __init__(self) -> None:
        super().__init__()


class Ones(Named):
    """w = 1."""

    row = "Ones"
    seeded = False

    def __init__(self) -> None:
        super().__init__()


class Constant(Named):
    """w = value."""

    row = "Constant"
    seeded = False

    def __init__(self, value: Any = 0.0) -> None:
        super().__init__(value=value)


class Identity(Named):
    """W = gain I."""

    row = "Identity"
    seeded = False

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain=gain)


class RandomNormal(Named):
    """w ~ N(mean, stddev^2)."""

    row = "RandomNormal"

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed, mean=mean, stddev=stddev)


class TruncatedNormal(Named):
    """w ~ N(mean, stddev^2) given |w - mean| < 2 stddev, the std not corrected, as Keras' is not."""

    row = "TruncatedNormal"

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed, mean=mean, stddev=stddev)


class RandomUniform(Named):
    """w ~ U[minval, maxval)."""

    row = "RandomUniform"

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed, minval=minval, maxval=maxval)


class VarianceScaling(Named):
    """Var[w] = scale / fan(mode), the fans off the bare shape, or by input_axes and output_axes."""

    row = "VarianceScaling"

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        _check_as_keras(scale, mode, distribution)
        super().__init__(
            seed,
            scale=scale,
            mode=mode,
            distribution=distribution,
            input_axes=input_axes,
            output_axes=output_axes,
        )


class _Scaled(Named):
    """A line of parameters for VarianceScaling."""

    def __init__(self, seed: Any = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(seed, input_axes=input_axes, output_axes=output_axes)


class GlorotUniform(_Scaled):
    """w ~ U(+-sqrt(6 / (fan_in + fan_out)))."""

    row = "GlorotUniform"


class GlorotNormal(_Scaled):
    """Var[w] = 2 / (fan_in + fan_out), cut at two sigma."""

    row = "GlorotNormal"


class LecunNormal(_Scaled):
    """Var[w] = 1 / fan_in, cut at two sigma."""

    row = "LecunNormal"


class LecunUniform(_Scaled):
    """w ~ U(+-sqrt(3 / fan_in))."""

    row = "LecunUniform"


class HeNormal(_Scaled):
    """Var[w] = 2 / fan_in, cut at two sigma."""

    row = "HeNormal"


class HeUniform(_Scaled):
    """w ~ U(+-sqrt(6 / fan_in))."""

    row = "HeUniform"


class Orthogonal(Named):
    """gain times a (semi-)orthogonal matrix, the last axis against all others."""

    row = "Orthogonal"

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed, gain=gain)


def _check_as_keras(scale: float, mode: str, distribution: str) -> None:
    """Keras' own refusals in Keras' words, which code that catches them may look for."""
    if scale <= 0.0:
        raise InitializerError(f"Argument `scale` must be positive float. Received: scale={scale}")
    modes = ("fan_in", "fan_out", "fan_avg")
    if str(mode).lower() not in modes:
        raise InitializerError(f"Invalid `mode` argument: {mode!r}; it is one of {', '.join(modes)}")
    kinds = ("uniform", "truncated_normal", "untruncated_normal", "normal")
    if str(distribution).lower() not in kinds:
        raise InitializerError(
            f"Invalid `distribution` argument: {distribution!r}; it is one of {', '.join(kinds)}"
        )


CLASSES: dict[str, type[Named]] = {
    kind.__name__: kind
    for kind in (
        Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal, LecunUniform, Ones,
        Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Zeros,
    )
}  # fmt: skip
ALIASES = {
    "normal": "RandomNormal", "uniform": "RandomUniform", "one": "Ones", "zero": "Zeros",
    "orthogonalinitializer": "Orthogonal", "identityinitializer": "Identity",
}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return what keras.initializers.get does, of isogain's classes where a name of Keras' is given.

    >>> type(get("glorot_uniform")).__module__
    'isogain.keras.initializers'
    """
    if isinstance(identifier, str):
        plain = identifier.replace("_", "").lower()
        found = {name.lower(): kind for name, kind in CLASSES.items()}
        kind = found.get(plain) or CLASSES.get(ALIASES.get(plain, ""))
        if kind is not None:
            return kind()
    return keras.initializers.get(identifier)


STFT = keras.initializers.STFT
"""Keras' own: a fixed transform, in which there is nothing to draw."""
serialize, deserialize = keras.initializers.serialize, keras.initializers.deserialize

for _kind in CLASSES.values():
    keras.saving.register_keras_serializable(package="isogain")(_kind)
