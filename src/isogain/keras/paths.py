"""A Keras model's weights by their paths, and how its layers read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from isogain.core.geometry.layout import DEFAULT_LAYOUT
from isogain.errors import InspectError
from isogain.keras.places import usage_of

__all__ = ["built", "geometries", "name_of"]


def built(model: Any, inputs: Any) -> None:
    """Build a model, if need be, by one call.  Raises InspectError for what is no model of Keras."""
    if isinstance(model, type):
        raise InspectError(f"model is the class {model.__name__}, not one of it: did you forget the ()?")
    if not isinstance(model, keras.Layer):
        raise InspectError(f"model must be a keras.Model or Layer, got {type(model).__name__}")
    if not model.built:
        _call(model, inputs)


def _call(model: keras.Model, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def name_of(variable: Any, model: keras.Model) -> str:
    """layer.weight"""
    path = str(variable.path).removeprefix(f"{model.name}/")
    return path.replace(".", "_").replace("/", ".")


def geometries(model: keras.Model, names: Mapping[int, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path -> how its layer reads it, for kernels that are not plain matrices."""
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables:
            usage = usage_of(layer, str(variable.name))
            if (usage or len(variable.shape) > 2) and id(variable) in names:
                one = {"groups": 1, "stride": 1, "transposed": False, "layout": DEFAULT_LAYOUT}
                yield names[id(variable)], {**one, **usage}
