"""Tensors that modules hold beside their parameters and buffers get their values as well."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import isogain.torch as igt
from isogain.torch.own.places import look


class Axes:
    """No module, but holds tensors."""

    def __init__(self, scale: torch.Tensor) -> None:
        self.angles, self.scale = torch.arange(4) / 4, scale


class Pair(NamedTuple):
    low: torch.Tensor
    high: torch.Tensor


class Holding(nn.Module):
    """Tensors beside its parameters: in a list, a pair, a dictionary of tuples, an object."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.tables = [torch.arange(size).float() for size in (2, 3)]
        self.pair = Pair(torch.zeros(2), torch.ones(3))
        self.by_name = {"both": (torch.eye(2), self.layer.weight)}
        self.axes, self.prior = Axes(torch.tensor(2.0)), Normal(torch.zeros(3), torch.ones(3))
        self.noise, self.doubled = [torch.randn(64)], [self.layer.weight.detach().clone() * 2]


def beside(model: Any) -> list[torch.Tensor]:
    return [*model.tables, *model.pair, model.by_name["both"][0], model.axes.angles, model.axes.scale,
            model.prior.loc, model.prior.scale]  # fmt: skip


@pytest.mark.parametrize("is_copied", [False, True])
def test_tensors_in_lists_and_objects_are_given_their_values(is_copied: bool) -> None:
    model = copy.deepcopy(igt.deferred(Holding)) if is_copied else igt.deferred(Holding)
    igt.materialize_(model, seed=0)
    assert all(map(torch.equal, beside(model), beside(Holding())))
    assert isinstance(model.pair, Pair)
    assert model.by_name["both"][1] is model.layer.weight
    assert torch.equal(model.doubled[0], 2 * model.layer.weight)
    assert 0.5 < float(model.noise[0].std()) < 1.5
    again, other = (igt.materialize_(igt.deferred(Holding), seed=seed) for seed in (0, 1))
    assert torch.equal(again.noise[0], model.noise[0])
    assert not torch.equal(other.noise[0], model.noise[0])


def test_what_only_begins_like_torch_is_not_torch() -> None:
    file = Path(torch.__file__).parent.with_name("torchvision") / "net.py"
    names: dict[str, Any] = {"look": look, "sys": sys}
    exec(compile("def build(): return look(sys._getframe(0))", str(file), "exec"), names)
    assert names["build"]().place.file.endswith("net.py")
