"""Whatever holds the data becomes batches that are a function of the seed alone, and some held out."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils import _pytree as pytree

from isogain.checking import shown
from isogain.errors import TrialError
from isogain.torch.call.guard import random_states, same_random, seeded, set_random_states
from isogain.torch.trial.pixelwise import pixelwise

__all__ = ["Batch", "Examples", "Source", "moved", "pair_of", "source_of"]

Tensor = torch.Tensor
Batch = Any
HELD_OUT = 5
"""One example of so many is never trained on, where examples can be told apart."""
MOST_HELD_OUT = 2000
FURTHER = 8
"""Batches that judge where the data come as batches only."""
OTHER_SEED = 2**31 - 1
"""Of those batches: no run trains on this one."""


class Source(Protocol):
    """Where batches come from."""

    def stream(self, seed: int) -> Iterator[Batch]:
        """Batches without end, those of this seed."""
        ...

    def held_out(self) -> list[Batch]:
        """Batches to judge by."""
        ...

    @property
    def note(self) -> str:
        """What a reader has to know about those, if anything."""
        ...


@dataclass(frozen=True)
class Examples:
    """Examples that can be asked for one by one: tensors of equal length, or a map-style data set."""

    count: int
    chosen: Callable[[Tensor], Batch]
    """The batch of these indices."""
    size: int
    note: str = ""

    def stream(self, seed: int) -> Iterator[Batch]:
        """Epoch by epoch, each shuffled; a remainder smaller than a batch is left out."""
        kept = self._order[self._out :]
        size = min(self.size, len(kept))
        generator = torch.Generator().manual_seed(seed)
        while True:
            order = kept[torch.randperm(len(kept), generator=generator)]
            yield from (self.chosen(order[at : at + size]) for at in range(0, len(order) - size + 1, size))

    def held_out(self) -> list[Batch]:
        """The same fifth of the examples for every seed."""
        return [self.chosen(part) for part in torch.split(self._order[: self._out], max(self.size, 256))]

    def whole(self) -> list[Batch]:
        """Every example, in order."""
        return [self.chosen(part) for part in torch.split(torch.arange(self.count), max(self.size, 256))]

    @property
    def _out(self) -> int:
        return min(max(self.count // HELD_OUT, 1), MOST_HELD_OUT)

    @property
    def _order(self) -> Tensor:
        return torch.randperm(self.count, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Rows:
    """The batch of some indices of tensors."""

    tensors: tuple[Tensor, ...]
    names: tuple[str, ...] = ()
    """Where a batch is a mapping."""

    def __call__(self, index: Tensor) -> Batch:
        found = tuple(tensor[index] for tensor in self.tensors)
        return dict(zip(self.names, found, strict=True)) if self.names else found


@dataclass(frozen=True)
class Items:
    """The batch of some indices of a data set, collated."""

    dataset: Any
    collate: Callable[[list[Any]], Batch]

    def __call__(self, index: Tensor) -> Batch:
        """Asked for at once where the data set can be, as a DataLoader does."""
        wanted = index.tolist()
        several = getattr(self.dataset, "__getitems__", None)
        items = _items(several, wanted) if several else [_item(self.dataset, one) for one in wanted]
        try:
            return self.collate(items)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise TrialError(f"data: the examples {shown(wanted)} cannot be collated: {told}") from error


def _item(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except Exception as error:
        raise TrialError(f"data: example {index} raised {type(error).__name__}: {error}") from error


def _items(several: Callable[[list[int]], list[Any]], wanted: list[int]) -> list[Any]:
    try:
        return several(wanted)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise TrialError(f"data: one of the examples {shown(wanted)} raised {told}") from error


@dataclass(frozen=True)
class Passes:
    """Batches that come in their own order: what `begin` gives is gone through, then begun again."""

    begin: Callable[[int], Iterable[Batch]]
    note: str = "no validation data: what judges comes from the same source, whose examples training may see"

    def stream(self, seed: int) -> Iterator[Batch]:
        """Whatever random numbers making a batch takes come from the seed, and leave the model's alone."""
        dice = _Dice(seed)
        for number in count():
            batches = dice.rolled(lambda: iter(self.begin(seed)))
            given = 0
            while (batch := dice.rolled(lambda: next(batches, _END))) is not _END:  # noqa: B023
                given += 1
                yield batch
            if not given:
                raise TrialError(_ended(number))

    def held_out(self) -> list[Batch]:
        """The first batches of a seed of their own."""
        return list(islice(self.stream(OTHER_SEED), FURTHER))

    def whole(self) -> list[Batch]:
        """One pass."""
        dice = _Dice(OTHER_SEED)
        found: list[Batch] = dice.rolled(lambda: list(self.begin(OTHER_SEED)))
        return found


_END = object()


def _ended(number: int) -> str:
    if number == 0:
        return (
            "the data give no batch at all: data= must give batches every time it is gone through, not once"
        )
    return (
        f"the data end early: gone through {number} time{'s' * (number > 1)}, and give nothing when "
        f"begun again; "
        "give what can be gone through again (a DataLoader, a function), or fewer steps"
    )


class _Dice:
    """Global random states of one's own, in force only while a batch is made."""

    def __init__(self, seed: int) -> None:
        with same_random():
            random.seed(seed)
            seeded(seed)
            if (numpy := sys.modules.get("numpy")) is not None:
                numpy.random.seed(seed % 2**32)
            self.states = random_states()

    def rolled(self, make: Callable[[], Any]) -> Any:
        """What `make` makes under these states."""
        with same_random():
            set_random_states(self.states)
            try:
                return make()
            finally:
                self.states = random_states()


@dataclass(frozen=True)
class Loader:
    """One pass of a DataLoader, its own generator seeded."""

    loader: Any

    def __call__(self, seed: int) -> Any:
        generator = getattr(self.loader, "generator", None)
        if isinstance(generator, torch.Generator):
            generator.manual_seed(seed)
        return self.loader


@dataclass(frozen=True)
class Called:
    """One pass of what a function gives, with the seed if it asks for one."""

    function: Callable[..., Any]
    takes_seed: bool

    def __call__(self, seed: int) -> Any:
        return self.function(seed) if self.takes_seed else self.function()


def source_of(data: Any, size: int) -> Any:
    """The Source of whatever was given; TrialError for what gives no batches.

    A pair of arrays or tensors of one length, or a mapping of names to such; (data set, collate function); a
    map-style data set; a DataLoader or anything else that can be gone through again and again; a function
    that gives any of these.
    """
    if isinstance(data, (Examples, Passes)):
        return data
    if isinstance(data, torch.utils.data.DataLoader):
        return _of_loader(data)
    if isinstance(data, (tuple, list)) and len(data) > 1:
        return _of_parts(tuple(data), size)
    if isinstance(data, Mapping) and data:
        return _of_arrays(tuple(data.values()), size, tuple(map(str, data)))
    if callable(data) and not hasattr(data, "__getitem__") and not hasattr(data, "__iter__"):
        return _of_function(data, size)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return _of_items(data, torch.utils.data.default_collate, size)
    if isinstance(data, Iterator):
        raise TrialError(
            f"data is {shown(data)}, which can be gone through once only: give the function that makes it"
        )
    if isinstance(data, Iterable):
        return Passes(Loader(data))
    raise TrialError(
        "data must be a pair of arrays, a DataLoader, (data set, collate function) or a function giving "
        f"batches, got {shown(data)}"
    )


def _of_parts(parts: tuple[Any, ...], size: int) -> Source:
    if len(parts) == 2 and callable(parts[1]) and not isinstance(parts[1], Tensor):
        return _of_items(parts[0], parts[1], size)
    return _of_arrays(parts, size)


def _of_arrays(parts: tuple[Any, ...], size: int, names: tuple[str, ...] = ()) -> Source:
    try:
        tensors = tuple(_tensor(part) for part in parts)
    except Exception as error:
        kind = "mapping" if names else "tuple"
        raise TrialError(f"data: a {kind} holds arrays or tensors of one length: {error}") from error
    lengths = {len(tensor) if tensor.dim() else 0 for tensor in tensors}
    if len(lengths) != 1 or min(lengths) < 1:
        raise TrialError(f"data: arrays of one length, got {[tuple(t.shape) for t in tensors]}")
    return Examples(lengths.pop(), Rows(tensors, names), size)


def _tensor(part: Any) -> Tensor:
    """As layers take it: floats in torch's usual precision, whole numbers as int64."""
    if isinstance(part, Tensor):
        return part.detach()
    tensor = torch.as_tensor(np.array(part.to_numpy()) if hasattr(part, "to_numpy") else part)
    if tensor.is_floating_point():
        return tensor.to(torch.get_default_dtype())
    return tensor if tensor.dtype == torch.bool else tensor.long()


def _of_items(dataset: Any, collate: Callable[[list[Any]], Batch], size: int) -> Source:
    try:
        count = len(dataset)
    except Exception as error:
        raise TrialError(f"data: {shown(dataset)} does not say how many examples it has: {error}") from error
    if count < 1:
        raise TrialError(f"data: {shown(dataset)} holds no example")
    return Examples(count, _chooser(dataset, collate), size)


def _chooser(dataset: Any, collate: Callable[[list[Any]], Batch]) -> Callable[[Tensor], Batch]:
    """A data set of tensors, collated as usual, need not be taken apart to be put together again."""
    data = torch.utils.data
    plain = type(dataset) is data.TensorDataset and collate is data.default_collate
    return Rows(dataset.tensors) if plain else Items(dataset, collate)


def _of_loader(loader: Any) -> Source:
    """Its examples where it deals them out shuffled in this process; else its batches."""
    dealt = isinstance(loader.sampler, torch.utils.data.RandomSampler) and not loader.sampler.replacement
    plain = type(loader) is torch.utils.data.DataLoader and loader.num_workers == 0
    if dealt and plain and loader.batch_size is not None and len(loader.dataset) > 1:
        return _of_items(loader.dataset, loader.collate_fn, loader.batch_size)
    return Passes(Loader(loader))


def _of_function(function: Callable[..., Any], size: int) -> Source:
    from isogain.torch.trial.signatures import takes

    asks = takes(function, "seed")
    try:
        made = function(0) if asks else function()
    except Exception as error:
        raise TrialError(f"data: the function raised {type(error).__name__}: {error}") from error
    if isinstance(made, (Iterator, Mapping)) or _is_batches(made):
        return Passes(Called(function, asks))
    found: Source = source_of(made, size)
    return found


def _is_batches(made: Any) -> bool:
    """Whether this is a list of batches rather than a pair of arrays: its parts are no arrays."""
    return isinstance(made, Sequence) and not isinstance(made, (str, bytes)) and all(
        isinstance(one, (tuple, list, Mapping)) for one in made
    )  # fmt: skip


def pair_of(batch: Batch) -> tuple[Any, Any]:
    """(inputs, target): of a tuple the last is the target; a mapping is both, and so is a tensor."""
    if isinstance(batch, (tuple, list)) and not hasattr(batch, "_fields") and len(batch) > 1:
        *inputs, target = batch
        return (inputs[0] if len(inputs) == 1 else tuple(inputs)), target
    return batch, batch


def moved(batch: Batch, device: torch.device | None, channels_last: bool = False) -> Batch:
    """The batch with its tensors on a device, images laid out as asked for."""
    if channels_last:
        batch = pixelwise(batch)
    if device is None or device.type == "cpu":
        return batch
    return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), batch)
