"""A Keras model on the torch backend as a torch module whose parameters carry Keras' names."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import keras
import torch
from torch import nn

from isogain.keras.paths import built, geometries, name_of

__all__ = ["KerasModule", "wrap"]


class KerasModule(nn.Module):
    """The model's variables as parameters `layer.weight` of nested modules, its call as `forward`.

    The tensors are Keras' own, so what is written to them is written to the model.  What Keras does not
    train (moving averages, random states) is a buffer.
    """

    keras_model: Any

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        object.__setattr__(self, "keras_model", model)  # not a submodule: its parameters have a name already
        trained = {id(variable) for variable in model.trainable_variables}
        names = {
            id(v): _register(self, name_of(v, model), v.value, id(v) in trained) for v in model.variables
        }
        self.isogain_geometry = dict(geometries(model, names))
        """Path -> how its layer reads it, for kernels that Keras hands to torch permuted."""
        call = inspect.signature(model.call).parameters
        self._takes_training: bool = "training" in call

    def __deepcopy__(self, memo: dict[int, Any]) -> KerasModule:
        """The module of a copied model: a copy of this one would hold tensors that no layer reads."""
        return KerasModule(copy.deepcopy(self.keras_model, memo)).train(self.training)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the Keras model returns."""
        if self._takes_training and "training" not in named:
            named["training"] = self.training
        return self.keras_model(*inputs, **named)


def wrap(model: keras.Model, inputs: Any) -> tuple[KerasModule, Any]:
    """The torch module of a Keras model, built if need be by one call, and its inputs as torch has them."""
    given = _tensors(inputs)
    with torch.no_grad():
        built(model, given)
    return KerasModule(model), given


def _tensors(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {name: _tensors(value) for name, value in inputs.items()}
    if isinstance(inputs, (tuple, list)):
        return type(inputs)(_tensors(value) for value in inputs)
    return keras.ops.convert_to_tensor(inputs)


def _register(root: nn.Module, name: str, tensor: torch.Tensor, trained: bool) -> str:
    """The name under which the tensor now is."""
    *folders, leaf = name.split(".")
    for folder in folders:
        if folder not in root._modules:
            root.add_module(folder, nn.Module())
        root = root.get_submodule(folder)
    while leaf in root._parameters or leaf in root._buffers or leaf in root._modules:
        leaf += "_"  # two layers of one name: Keras allows it where they are not in one functional model
    if trained and tensor.is_floating_point():
        root.register_parameter(leaf, tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor))
    else:
        root.register_buffer(leaf, tensor)
    return ".".join([*folders, leaf])
