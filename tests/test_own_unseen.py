"""Code outside of a model's constructors that leaves no count on meta: refused by name, never started otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.errors import DrawError


class Net(nn.Module):
    """Two layers, of which its constructor writes one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 6), nn.Linear(6, 6)
        nn.init.zeros_(self.last.weight)
        self.scale = nn.Parameter(torch.ones(6))

    def shrink(self) -> None:
        self.last.weight.data.mul_(0.5)


class Built(Net):
    """What a function of this file makes, and writes to."""


class Part(Net):
    """What another's constructor writes to."""


class Owner(nn.Module):
    """Writes to a part that others take out of it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = Part(), nn.Linear(6, 2)
        nn.init.trunc_normal_(self.body.first.weight, std=0.3)


def by_data(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        module.weight.data.normal_(0, 0.7)


def built() -> Net:
    net = Built()
    nn.init.orthogonal_(net.first.weight)
    return net


def built_by_another() -> Net:
    return built()


def plain() -> nn.Module:
    """No class of the model tells who made it."""
    net = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
    net.apply(by_data)
    return net


def exchanged(net: Net) -> None:
    net.scale = nn.Parameter(torch.full((6,), 7.0))


def registered(net: Net) -> None:
    net.register_parameter("scale", nn.Parameter(torch.full((6,), 7.0)))


def by_loop(net: Net) -> None:
    for one in net.parameters():
        one.data.zero_()


def in_two_steps(net: Net) -> None:
    values = net.first.weight.data
    nn.init.ones_(values)


OUTSIDE: dict[str, Callable[[Net], Any]] = {
    "data": lambda net: net.first.weight.data.zero_(),
    "row": lambda net: net.first.weight.data[0].fill_(3.0),
    "truncated": lambda net: nn.init.trunc_normal_(net.first.weight),
    "orthogonal": lambda net: nn.init.orthogonal_(net.first.weight),
    "sparse": lambda net: nn.init.sparse_(net.first.weight, 0.5),
    "dirac": lambda net: nn.init.dirac_(net.first.weight.view(6, 6, 1)),
    "applied": lambda net: net.apply(by_data),
    "method": lambda net: net.shrink(),
    "exchanged": exchanged, "registered": registered, "loop": by_loop, "two steps": in_two_steps,
}  # fmt: skip
BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "builder": built, "builder of a builder": built_by_another, "no class": plain,
    "part of another": lambda: Owner().body,
}  # fmt: skip


def own_kind() -> type[Net]:
    """A class that no other function knows."""

    class Own(Net):
        pass

    return Own


def refused(model: nn.Module) -> str:
    with pytest.raises(DrawError, match="leaves no count") as caught:
        igt.materialize_(model, seed=0)
    assert all(one.is_meta for one in model.parameters())
    return str(caught.value)


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_somebody_did_to_a_finished_model(name: str) -> None:
    with torch.device("meta"):
        net = own_kind()()
        OUTSIDE[name](net)
    assert "test_own_unseen.py" in refused(net)


@pytest.mark.parametrize("name", BUILDERS)
def test_what_a_function_did_that_has_ended(name: str) -> None:
    with torch.device("meta"):
        model = BUILDERS[name]()
    assert "test_own_unseen.py" in refused(model)


def test_only_what_is_named_is_refused() -> None:
    with torch.device("meta"):
        net = own_kind()()
    net.last.bias.data.fill_(2.0)
    said = refused(net)
    assert "known for last.bias (" in said
    igt.materialize_(net, {"last.bias": 2.0}, seed=0)
    assert net.last.bias.tolist() == [2.0] * 6


def test_names_that_are_gone() -> None:
    """What the name stood for is in a list, an object, or went on under another name."""
    layers = []
    with torch.device("meta"):
        for _ in range(2):
            layer = nn.Linear(6, 6)
            layer.weight.data.zero_()
            layers.append(layer)
        del layer
        held = SimpleNamespace(model=nn.Sequential(*layers))
    assert "known for 0.weight" in refused(held.model)


def test_what_does_not_belong_to_the_model_is_no_reason() -> None:
    """Another model beside it, what is only read, and what counts; and what comes after."""
    with torch.device("meta"):
        net, other = own_kind()(), nn.Linear(3, 3)
        other.weight.data.zero_()
        assert net.first.weight.data.shape == (6, 6)
    igt.materialize_(net, seed=0)
    net.first.weight.data.zero_()
    assert float(net.last.weight.detach().abs().max()) == 0.0


def _iterated() -> Iterator[Net]:
    with torch.device("meta"):
        net = own_kind()()
        net.first.weight.data.zero_()
        yield net


def test_a_generator_that_has_not_ended() -> None:
    """And whose `torch.device` has not either."""
    for net in _iterated():
        assert "test_own_unseen.py" in refused(net)
