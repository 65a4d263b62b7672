"""What `inputs` may be, understood in one place: a batch as tensors, and a loss of the output alone.

A tensor, a tuple of positional or a mapping of keyword arguments is taken as it is; arrays become tensors of
the model's own float; of a DataLoader the first batch is taken, without a draw from any random state.
"""

from __future__ import annotations

import inspect as signatures
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from isogain.checking import shown
from isogain.errors import InspectError
from isogain.torch.call.guard import same_random
from isogain.torch.call.losses import Loss, LossLike, bound_loss, parted, wants_targets

__all__ = ["INPUTS", "arguments", "plain_module", "takes", "understood"]

INPUTS = (
    "inputs is a tensor or an array, a tuple of positional or a dict of keyword arguments, or a DataLoader "
    "(its first batch)"
)
_ELSEWHERE = {"keras": "isogain.keras", "flax": "isogain.jax", "equinox": "isogain.jax"}
"""Library of a model that is none of torch's -> the part of isogain that takes it."""


def plain_module(model: Any) -> nn.Module:
    """The module itself, without the wrappers of torch.compile and DistributedDataParallel."""
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise InspectError(f"model is the class {model.__name__}, not one of it: did you forget the ()?")
    if not isinstance(model, nn.Module):
        place = _ELSEWHERE.get(type(model).__module__.partition(".")[0])
        hint = f"{place} takes it" if place else "for a function, wrap it in a Module"
        raise InspectError(f"model must be a torch.nn.Module, got {type(model).__name__}; {hint}")
    if isinstance(model, nn.parallel.DistributedDataParallel):
        return plain_module(model.module)
    inner = getattr(model, "_orig_mod", None)  # torch.compile's wrapper ignores what is added to it
    return plain_module(inner) if isinstance(inner, nn.Module) else model


def understood(model: nn.Module, inputs: Any, loss: LossLike | None = None) -> tuple[Any, Loss | None]:
    """The batch as tensors, a tuple or a mapping of them, and the loss as a function of the output.

    What was understood once comes back as it is.  Raises InspectError where it says nothing that a model
    could be called with, or a loss wants targets and there are none.
    """
    with_targets = wants_targets(loss)
    batch = _first_batch(inputs)
    if with_targets and loss is not None:
        batch, targets = parted(batch, loss)
        return _as_tensors(batch, model), bound_loss(loss, _as_tensors(targets, model))
    if batch is not inputs:
        batch = _without_targets(batch, model)
    return _as_tensors(batch, model), loss  # type: ignore[return-value]


def takes(model: nn.Module, positional: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """Why forward cannot be called so by its signature; empty where it can, or does not say."""
    try:
        found = signatures.signature(_innermost(model).forward)
    except (TypeError, ValueError):
        return ""
    try:
        found.bind(*positional, **named)
    except TypeError as error:
        return f"forward{found} is called with {_counted(positional, named)}: {error}"
    return ""


def arguments(model: nn.Module) -> list[signatures.Parameter]:
    """What forward takes by name; nothing where it does not say."""
    try:
        found = signatures.signature(_innermost(model).forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]


def _innermost(model: nn.Module) -> nn.Module:
    """What a wrapper for several devices hands its arguments on to."""
    inner = getattr(model, "module", None)
    return inner if isinstance(inner, nn.Module) else model


def _counted(positional: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    parts = [f"{len(positional)} positional"] if positional or not named else []
    return " and ".join([*parts, *([f"the keyword arguments {', '.join(named)}"] if named else [])])


def _first_batch(inputs: Any) -> Any:
    """The first batch of a loader; anything else as it is."""
    if isinstance(inputs, Dataset):
        raise InspectError(
            "inputs is a Dataset, which gives single examples: give a batch of them, "
            "torch.utils.data.DataLoader(dataset, batch_size=32)"
        )
    if hasattr(inputs, "__next__"):
        raise InspectError("inputs is an iterator, of which a batch would be gone: give next(iterator)")
    if not isinstance(inputs, DataLoader) and not (
        hasattr(inputs, "__iter__") and hasattr(inputs, "batch_size") and hasattr(inputs, "dataset")
    ):
        return inputs
    with same_random():
        try:
            return next(iter(inputs))
        except StopIteration:
            raise InspectError("inputs is a DataLoader without a batch") from None
        except Exception as error:  # the user's data set may raise anything
            raise InspectError(f"the DataLoader raised: {type(error).__name__}: {error}") from error


def _without_targets(batch: Any, model: nn.Module) -> Any:
    """A loader's batch without what comes behind the last argument that the model takes."""
    if not isinstance(batch, (tuple, list)) or hasattr(batch, "_fields"):
        return batch
    given = tuple(batch)
    if len(given) > 1 and takes(model, given, {}) and not takes(model, given[:-1], {}):
        return given[0] if len(given) == 2 else given[:-1]
    return given


def _as_tensors(value: Any, model: nn.Module) -> Any:
    """The same with tensors for arrays; untouched where it holds none."""
    if isinstance(value, (np.ndarray, np.generic)) or _is_array(value):
        return _tensor(np.asarray(value), model)
    if isinstance(value, Mapping):
        return {str(name): _as_tensors(one, model) for name, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_as_tensors(one, model) for one in value)
    return value


def _is_array(value: Any) -> bool:
    """Whether another library holds numbers in it: a data frame, an array of JAX."""
    return hasattr(type(value), "__array__") and not isinstance(value, torch.Tensor)


def _tensor(array: np.ndarray[Any, Any], model: nn.Module) -> torch.Tensor:
    """An array where the model is; floats in the model's own dtype, as no array says which it means."""
    if array.dtype.kind not in "fiubc":
        raise InspectError(f"inputs holds an array of {array.dtype}, got {shown(array)}; {INPUTS}")
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    like = next((p for p in model.parameters() if p.is_floating_point() and not p.is_meta), None)
    made = torch.tensor(array)
    if like is None:
        return made
    return made.to(like.device, like.dtype if made.is_floating_point() else made.dtype)
