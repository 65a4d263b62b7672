"""What may lack values beside the parameters and buffers that are on the meta device.

Memory that a constructor took in spite of `torch.device("meta")` (`torch.FloatTensor(3, 4)` does) and left as
it was; and plain tensors that modules hold as attributes, in lists and objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import nn

from isogain.torch.draw.materialize import Places
from isogain.torch.draw.shards import is_dtensor
from isogain.torch.own.beside import Beside, beside
from isogain.torch.own.origins import origins_of
from isogain.torch.own.record import Record

__all__ = ["Plain", "Wanted", "doubts_of", "is_left", "is_unknown", "plain_of", "without_memory"]

Tensor = torch.Tensor


def doubts_of(places: Sequence[Places]) -> list[Places]:
    """Tensors with memory that nobody is seen to have written, of a model of which a part is on meta."""
    if not any(one.tensor.is_meta for one in places):
        return []
    return [one for one in places if not one.tensor.is_meta and _is_untouched(one.tensor)]


def is_left(one: Places, others: Sequence[Places]) -> bool | None:
    """Whether memory without values is as its constructor left it; None where nobody can tell.

    Nobody loads what is on meta: where those around it are, nothing was loaded there.
    """
    around = {each.tensor.is_meta for each in _around(one, others)}
    return None if len(around) > 1 else True in around


def _is_untouched(tensor: Tensor) -> bool:
    return is_dtensor(tensor) or tensor._version == 0


def _around(one: Places, others: Sequence[Places]) -> list[Places]:
    """The others in the smallest part of the model that has some."""
    part = one.path
    while part:
        part = part.rpartition(".")[0]
        found = [each for each in others if each.path.startswith(f"{part}." if part else "")]
        if found:
            return found
    return []


def without_memory(one: Places) -> Places:
    """The same, to be given fresh memory."""
    old = one.tensor
    fresh = torch.empty_like(old, device="meta")
    if one.is_parameter:
        fresh = nn.Parameter(fresh, requires_grad=old.requires_grad)
        vars(fresh).update(vars(old))
    return replace(one, tensor=fresh)


class Plain(NamedTuple):
    """A tensor on the meta device that is neither parameter nor buffer."""

    path: str
    module: nn.Module
    held: Beside


@dataclass(frozen=True)
class Wanted:
    """What a model's recipes are asked for."""

    lost: Sequence[Places]
    """On the meta device, and nothing is known of it."""
    doubts: Sequence[Places]
    plain: Sequence[Plain]

    def is_asked(self, model: nn.Module) -> bool:
        """Whether there is anything; plain tensors of a model with a record have what they need."""
        is_recorded = any(map(origins_of, model.modules()))
        return bool(self.lost or self.doubts or (self.plain and not is_recorded))

    def holders_of_lost(self, missing: Collection[str], doubtful: Collection[str]) -> list[nn.Module]:
        """The modules with something of which nothing is known yet."""
        left = [one for one in self.lost if one.path in missing]
        left += [one for one in self.doubts if one.path in doubtful]
        holders = [module for one in left for module, _ in one.owners]
        return [*holders, *(one.module for one in self.plain if is_unknown(one))]


def plain_of(model: nn.Module, places: Sequence[Places]) -> Iterator[Plain]:
    """Those that are not one of the model's parameters and buffers under another name."""
    known, seen = {id(one.tensor) for one in places}, set[int]()
    for path, module in model.named_modules():
        for one in beside(module, seen):
            if one.tensor.is_meta and id(one.tensor) not in known:
                yield Plain(f"{path}.{one.name}" if path else one.name, module, one)


def is_unknown(plain: Plain) -> bool:
    """Whether what is in it has been asked for, and was not found out."""
    origin = origins_of(plain.module).get(plain.held.name)
    return origin is not None and _is_lost(origin.record, origin.ref.storage, origin.ref.time)


def _is_lost(record: Record, storage: int, time: int) -> bool:
    last = record.last_write(storage, time)
    return last is not None and record.steps[last].name == "lost"
