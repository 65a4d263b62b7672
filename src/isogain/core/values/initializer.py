"""Initializers are values: frozen, checked at birth, equal by content, printable, JSON both ways.

An Initializer knows nothing of a framework or a seed.  `initializer.law(shape, layout=...)` says
which law its weights follow there; `isogain.draw` draws from it.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, ClassVar, Self

from isogain.checking import shown
from isogain.core.geometry.layout import Geometry, LayoutLike
from isogain.core.values.distributions import CHECKS, Law, require, require_finite
from isogain.errors import InitializerError

__all__ = [
    "Initializer",
    "check_choice",
    "check_count",
    "refuse_complex",
    "require_choice",
    "require_flag",
    "require_matrix",
    "require_positive",
]

JSON_VERSION = 1


class Initializer(ABC):
    """The base of every initializer: a law for weights, before shape and seed are known."""

    quiet: ClassVar[tuple[str, ...]] = ()
    """Fields that are printed only where they differ from their default."""
    kinds: ClassVar[dict[str, type[Initializer]]] = {}
    """Every initializer class by name, for JSON."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        Initializer.kinds[cls.__name__] = cls

    @abstractmethod
    def _law(self, geometry: Geometry, is_complex: bool) -> Law:
        """The law at this geometry."""

    def law(
        self,
        shape: Sequence[int],
        *,
        layout: LayoutLike = None,
        groups: int = 1,
        stride: int | Sequence[int] = 1,
        transposed: bool = False,
        is_complex: bool = False,
    ) -> Law:
        """The law that the weights of this shape follow, with its numbers and exact moments.

        `layout` None is "* in out", except that the rows of frameworks then read the bare shape as their
        framework does; a layout that is given holds for them too.

        >>> from isogain.core.initializers import VarianceScaling
        >>> VarianceScaling(scale=2.0, distribution="normal").law((50, 10)).std
        0.2
        """
        geometry = Geometry.of(shape, layout, groups=groups, stride=stride, transposed=transposed)
        try:
            return self._law(geometry, CHECKS.flag("is_complex", is_complex))
        except OverflowError as error:
            raise InitializerError(
                f"{shown(self)} has no law at the shape {geometry.shape}: its numbers are too large ({error})"
            ) from error

    def parameters(self) -> dict[str, Any]:
        """The constructor's arguments that give this value."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary: {'initializer': class name, ...parameters}."""
        encoded = {name: _encode(value) for name, value in self.parameters().items()}
        return {"initializer": type(self).__name__, **encoded}

    def to_json(self) -> str:
        """The JSON text of this value; `Initializer.from_json` gives an equal one back."""
        return json.dumps({"isogain": JSON_VERSION, **self.to_dict()})

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Initializer:
        """The value a dictionary of `to_dict` stands for."""
        if not isinstance(data, Mapping):
            raise InitializerError(f"an initializer is read from a dictionary, got {shown(data)}")
        content = {key: _decode(value) for key, value in data.items() if key != "isogain"}
        version, name = data.get("isogain", JSON_VERSION), content.pop("initializer", None)
        if not isinstance(version, int) or version != JSON_VERSION:
            raise InitializerError(
                f"initializer JSON of version {shown(version)}; this isogain reads {JSON_VERSION}"
            )
        kind = Initializer.kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise InitializerError(
                f"{shown(name)} is no initializer; known are {', '.join(sorted(Initializer.kinds))}"
            )
        return kind._made(content)

    @staticmethod
    def from_json(text: str) -> Initializer:
        """The value that `to_json` wrote; InitializerError says what it cannot read."""
        try:
            data = json.loads(CHECKS.text("the JSON of an initializer", text, '{"initializer": "Zeros"}'))
        except (json.JSONDecodeError, RecursionError) as error:
            raise InitializerError(f"not JSON: {error}") from error
        if not isinstance(data, dict):
            raise InitializerError(f"the JSON of an initializer is an object, got {type(data).__name__}")
        return Initializer.from_dict(data)

    def replace(self, **changes: Any) -> Self:
        """A copy with these parameters changed, checked again."""
        return type(self)._made({**self.parameters(), **changes})

    @classmethod
    def _made(cls, parameters: Mapping[Any, Any]) -> Self:
        """The constructor's value; InitializerError for a parameter it does not have."""
        try:
            return cls(**parameters)
        except TypeError as error:
            raise InitializerError(f"{cls.__name__}: {error}") from error

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)  # type: ignore[arg-type]
            if field.name not in self.quiet or getattr(self, field.name) != _default(field)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _default(field: Any) -> Any:
    return field.default if field.default is not MISSING else None


def _encode(value: Any) -> Any:
    if isinstance(value, complex):
        return {"real": value.real, "imag": value.imag}
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if callable(value):
        raise InitializerError(
            f"{value!r} is a function, which JSON cannot hold; use the name of an activation"
        )
    if isinstance(value, Initializer):
        return value.to_dict()
    return [_encode(one) for one in value] if isinstance(value, tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"real", "imag"}:
        return complex(
            *(CHECKS.number(f"{part} of a complex number", value[part]) for part in ("real", "imag"))
        )
    if isinstance(value, Mapping) and "initializer" in value:
        return Initializer.from_dict(value)
    if isinstance(value, list):
        return tuple(map(_decode, value))
    return float(value) if isinstance(value, str) and value in ("inf", "-inf") else value


def require_choice(owner: object, name: str, choices: Sequence[str]) -> None:
    check_choice(type(owner).__name__, name, getattr(owner, name), choices)


def check_choice(owner: str, name: str, value: object, choices: Sequence[str]) -> None:
    CHECKS.choice(f"{owner}: {name}", value, choices)


def check_count(owner: str, **values: object) -> None:
    """Refuse what is no whole number of at least 1."""
    for name, value in values.items():
        CHECKS.whole(f"{owner}: {name}", value)


def require_positive(owner: object, **values: float) -> None:
    require_finite(owner, least=0, **values)


def require_flag(owner: object, name: str) -> None:
    CHECKS.flag(f"{type(owner).__name__}: {name}", getattr(owner, name))


def require_matrix(owner: Initializer, geometry: Geometry) -> None:
    if not geometry.has_role("out") or not any(map(geometry.has_role, ("in", "group"))):
        raise InitializerError(
            f"{type(owner).__name__} needs outputs and inputs, but the layout {str(geometry.layout)!r} gives "
            f"the shape {geometry.shape} none; 'out in *' (torch) or '* in out' (Keras, JAX) would"
        )


def refuse_complex(owner: Initializer, is_complex: bool) -> None:
    require(
        not is_complex,
        f"{type(owner).__name__} has no complex law; draw real weights, or use VarianceScaling or Normal",
    )
