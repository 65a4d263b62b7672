"""Models on meta without a record: what their constructors did is done again, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.errors import DrawError
from isogain.torch.draw.materialize import places_of


def bare(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build()


def bits(model: nn.Module) -> dict[str, torch.Tensor]:
    return {one.path: one.tensor.detach() for one in places_of(igt.materialize_(model, seed=0))}


def assert_same_as_deferred(build: Callable[[], nn.Module]) -> None:
    ours, recorded = bits(bare(build)), bits(igt.deferred(build))
    assert list(ours) == list(recorded)
    different = [path for path, tensor in ours.items() if not torch.equal(tensor, recorded[path])]
    assert different == []


class Scaled(nn.Module):
    """Its gain is kept; what it does with it is in no recipe."""

    def __init__(self, size: int, gain: float) -> None:
        super().__init__()
        self.gain = gain
        std = gain / 10
        self.layer, self.norm = nn.Linear(size, size), nn.BatchNorm1d(size)
        nn.init.trunc_normal_(self.layer.weight, std=std)
        if self.layer.bias is not None:
            self.layer.bias.data.fill_(gain)
        with torch.no_grad():
            self.norm.weight[:2] = 0.5
        self.tokens = nn.Parameter(torch.zeros(1, size, 2 * size))
        self.places = nn.Parameter(torch.randn(1, size, 3) * 0.02)
        table = torch.arange(5.0)
        table[1:] *= gain
        self.register_buffer("table", table)


class Passed(Scaled):
    """Hands its gain to a constructor that keeps it."""

    def __init__(self, width: int, strength: float = 1.0) -> None:
        super().__init__(width, gain=strength)
        nn.init.constant_(self.norm.bias, strength)


class Configured(nn.Module):
    """A library keeps all arguments in `config`."""

    def __init__(self, size: int = 8, bound: float = 0.3) -> None:
        super().__init__()
        self.config = {"size": size, "bound": bound}
        self.layer = nn.Linear(size, size)
        nn.init.uniform_(self.layer.weight, -bound, bound)


class Net(nn.Module):
    """The way of many image models: a loop over all layers, and an argument that leaves no trace."""

    def __init__(self, zero_last: bool = True, head: float = 1.0) -> None:
        super().__init__()
        self.stem, self.norm, self.last = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)
        self.start(zero_last=zero_last)

    def start(self, zero_last: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if zero_last:
            nn.init.zeros_(self.last.weight)


class Branched(nn.Module):
    """The same by a branch of its constructor."""

    def __init__(self, mode: str = "") -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(6, 6), nn.Linear(6, 6)
        if mode != "skip":
            nn.init.xavier_normal_(self.layer.weight)


class OwnWay(nn.Module):
    """Calls its recipe with an argument: run with its defaults it would be another start."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(7)
        nn.init.zeros_(self.norm.weight)
        self.init_weights(again=False)

    def init_weights(self, again: bool = True) -> None:
        if again:
            self.norm.reset_parameters()


class Tables(nn.Module):
    """A method makes its buffer."""

    def __init__(self, unused: int = 3) -> None:
        super().__init__()
        self.size = 4
        self.layer = nn.Linear(4, 4)
        self.make_table()

    def make_table(self) -> None:
        self.register_buffer("table", torch.arange(self.size).float() ** 2, persistent=False)


@pytest.mark.parametrize(
    "build",
    [
        partial(Scaled, 6, 0.25), partial(Passed, 6, strength=0.5), Configured, partial(Configured, 8, 0.7),
        Net, partial(Net, False), Branched, partial(Branched, "skip"), OwnWay, Tables,
    ],
)  # fmt: skip
def test_constructors_are_repeated_with_what_their_modules_keep(build: Callable[[], nn.Module]) -> None:
    assert_same_as_deferred(build)


class Gain(nn.Module):
    """Its gain is not kept, and a tensor is not the same with another."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(7), nn.Linear(7, 7)
        nn.init.constant_(self.norm.weight, gain)


class Signed(nn.Module):
    """True or false: written as often either way."""

    def __init__(self, negative: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(7, 7)
        nn.init.normal_(self.layer.weight)
        nn.init.constant_(self.layer.bias, -4.0 if negative else 0.0)


class Hidden(nn.Module):
    """A write that does not count: through `.data`."""

    def __init__(self, flag: bool = True) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(7, 7), nn.Linear(7, 7)
        if flag:
            self.layer.weight.data.zero_()


class Made(nn.Module):
    """A parameter of a number that is not kept."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(value * torch.ones(5))
        self.layer = nn.Linear(5, 5)


class Given(nn.Module):
    """Started by a function that it does not keep, out of sight of counts."""

    def __init__(self, start: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(5, 5), nn.Linear(5, 5)
        for layer in (self.layer,):
            start(layer.weight.data)


def outside() -> nn.Module:
    """A function that starts the model when it is there."""
    model = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))
    nn.init.normal_(model[1].weight, std=3.0)
    return model


def taken_out() -> nn.Module:
    """A part of a model whose constructor started it, and is gone."""
    net = Net()
    return nn.Sequential(net.stem, net.norm)


@pytest.mark.parametrize(
    ("build", "lost"),
    [
        (Gain, ["norm.weight"]), (Signed, ["layer.bias"]), (Hidden, ["layer.weight"]),
        (partial(Made, 0.1), ["scale"]),
        (partial(Given, nn.init.ones_), ["layer.weight", "layer.bias", "other.weight", "other.bias"]), (outside, ["1.weight"]), (taken_out, ["0.weight"]),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused_by_name(build: Callable[[], nn.Module], lost: list[str]) -> None:
    model = bare(build)
    with pytest.raises(DrawError, match="no start is known") as caught:
        igt.materialize_(model, seed=0)
    named = str(caught.value).partition("known for ")[2].partition(";")[0].partition(" (")[0]
    assert named.split(", ") == lost
    assert all(tensor.is_meta for tensor in model.parameters())
    igt.materialize_(model, dict.fromkeys(lost, "zeros"), seed=0)


def test_memory_that_was_made_anew_tells_nothing() -> None:
    with pytest.raises(DrawError, match=r"known for last\.weight[ ;]"):
        igt.materialize_(Net().to("meta"), seed=0)


def test_a_refusal_says_which_line_cannot_be_repeated() -> None:
    with pytest.raises(DrawError, match=r"Gain\.__init__ \(.*test_own_bare\.py:\d+\).*does not keep gain"):
        igt.materialize_(bare(Gain), seed=0)


def test_looking_changes_no_model() -> None:
    model = bare(Net)
    before = {path: id(one) for path, one in model.state_dict(keep_vars=True).items()}
    kept = {name: set(vars(module)) for name, module in model.named_modules()}
    igt.own_plan(model)
    assert {path: id(one) for path, one in model.state_dict(keep_vars=True).items()} == before
    after = {name: set(vars(module)) - {"_isogain_origins"} for name, module in model.named_modules()}
    assert after == kept


class Part(nn.Module):
    """A recipe that only a holder's may call."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def initialize_weights(self) -> None:
        nn.init.constant_(self.layer.weight, 7.0)


class Skips(nn.Module):
    """Its recipe leaves its part's alone."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.end = Part(), nn.Linear(4, 4)

    def init_weights(self) -> None:
        nn.init.constant_(self.end.weight, 3.0)


class Begins(Part):
    """Calls its recipe itself, by another function."""

    def __init__(self) -> None:
        super().__init__()
        self.finish()

    def finish(self) -> None:
        self.initialize_weights()


class Calls(Skips):
    """Holds one that began itself, which its recipe leaves alone."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Begins()


class Unused(nn.Module):
    """What nobody calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def _init_weights(self, module: nn.Module) -> None:
        nn.init.constant_(self.layer.weight, 7.0)


@pytest.mark.parametrize(("build", "values"), [(Skips, None), (Calls, 7.0), (Unused, None), (Part, 7.0)])
def test_whose_recipe_is_run(build: Any, values: float | None) -> None:
    """A part's own where a constructor calls it, or nobody holds it; a method that nobody calls never."""
    with torch.device("meta"):
        model = build()
    igt.materialize_(model, seed=0)
    layer = getattr(model, "part", model).layer
    assert (layer.weight == values).all() if values else layer.weight.abs().max() <= 0.5
    assert (getattr(model, "end", layer).weight == 3.0).all() or isinstance(model, Part | Unused)


class Towers(nn.Module):
    """Many parts of a size that is kept nowhere."""

    def __init__(self, gain):
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(3, 3, bias=False) for _ in range(40)])
        for part in self.parts:
            nn.init.constant_(part.weight, gain)


def test_of_many_that_have_no_start_a_dozen_are_named_and_why():
    with torch.device("meta"):
        model = Towers(0.7)
    with pytest.raises(DrawError, match="no start is known") as caught:
        igt.materialize_(model, seed=0)
    said = str(caught.value)
    assert "parts.11.weight and 28 more (" in said
    assert "does not keep gain" in said
    assert len(said) < 600
