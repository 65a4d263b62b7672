"""Bare models whose constructors are run once more as a whole; plain tensors, and memory taken in spite of meta."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.errors import DrawError
from isogain.torch.draw.materialize import places_of
from own_networks import Gpt
from test_own_bare import assert_same_as_deferred, bare


class Places(nn.Module):
    """A part that keeps nothing of what it was given; only the whole's constructor tells."""

    def __init__(self, size: int, width: int, base: float) -> None:
        super().__init__()
        steps = torch.arange(size)[:, None] / base ** (torch.arange(width) / width)
        self.register_buffer("table", torch.stack([steps.sin(), steps.cos()]).flatten(0, 1))
        self.scale = nn.Parameter(base * torch.ones(width))


class Configured(nn.Module):
    """All that it was given is in its configuration, as a library's models have it."""

    def __init__(self, width: int = 8, base: float = 100.0, blocks: tuple[int, ...] = (4, 6)) -> None:
        super().__init__()
        self.config = {"width": width, "base": base, "blocks": blocks}
        self.places = nn.ModuleList(Places(size, width, base) for size in blocks)
        self.ends = nn.ModuleList()
        for size in blocks:  # built and written by the same loop
            end = nn.Linear(width, size)
            nn.init.zeros_(end.weight)
            self.ends.append(end)


class Settings:
    """A configuration that a constructor changes."""

    def __init__(self, base: float) -> None:
        self.base, self.used = base, 0


class OfSettings(nn.Module):
    """Given one object, which it keeps."""

    def __init__(self, config: Settings) -> None:
        super().__init__()
        config.used += 1
        self.config = config
        self.part = Places(3, 5, config.base)


class Kept(nn.Module):
    """Keeps what it was given, and passes it on to a part that does not; a flag leaves its trace in what is there."""

    def __init__(self, base: float, bias: bool = True) -> None:
        super().__init__()
        self.base = base
        self.part, self.end = Places(3, 5, 2 * base), nn.Linear(5, 7, bias=bias)


class Around(nn.Module):
    """Its own arguments are gone, those of a part are not."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.drop, self.inner = nn.Dropout(rate / 2), Kept(3.0, bias=False)


@pytest.mark.parametrize(
    "build",
    [
        Configured, partial(Configured, 6, 7.0, (3, 2)), lambda: OfSettings(Settings(9.0)), partial(Kept, 4.0),
        partial(Kept, 5.0, bias=False), partial(Around, 0.3), Gpt, partial(Gpt, 3),
    ],
)  # fmt: skip
def test_a_constructor_of_which_all_is_known_is_run_as_a_whole(build: Callable[[], nn.Module]) -> None:
    assert_same_as_deferred(build)


def test_what_a_constructor_changes_in_its_arguments_is_not_the_models() -> None:
    model = bare(lambda: OfSettings(Settings(9.0)))
    igt.materialize_(model, seed=0)
    assert (model.part.scale == 9.0).all()
    assert model.config.used == 1


class Heads(nn.Module):
    """A number that shows in no shape."""

    def __init__(self, width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        for layer in self.layers:
            for part in layer.weight.chunk(heads):
                nn.init.constant_(part, 1 / heads)


class Level(nn.Module):
    """Two numbers, each of which gives the same shapes if the other is changed as well."""

    def __init__(self, rows: int = 4, columns: int = 4) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.full((rows * columns,), 1.0 / rows))


class Open(nn.Module):
    """Takes anything."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.part = Places(3, 5, options.get("base", 3.0))


class Holder(nn.Module):
    """Its part is known from its constructor, if nobody has put another there."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Places(3, 5, 10.0)
        self.list = nn.ModuleList([Places(2, 2, 5.0)])


class Other(Holder):
    """What a function below changes."""


class Set(Holder):
    """The same by name."""


def exchanged() -> nn.Module:
    net = Other()
    net.part = Places(3, 5, 20.0)
    return net


def set_by_name() -> nn.Module:
    net = Set()
    setattr(net, "part", Places(3, 5, 20.0))  # noqa: B010
    return net


@pytest.mark.parametrize("build", [Heads, partial(Heads, 8, 4), Level, Open, exchanged, set_by_name])
def test_what_a_constructor_may_have_been_given_is_not_guessed(build: Callable[[], nn.Module]) -> None:
    model = bare(build)
    with pytest.raises(DrawError, match="nothing was written: no start is known"):
        igt.materialize_(model, seed=0)
    assert all(one.tensor.is_meta for one in places_of(model))


def test_an_exchange_in_view_is_seen() -> None:
    known, model = bare(Holder), bare(Holder)
    with torch.device("meta"):
        model.list[0] = Places(2, 2, 6.0)
    with pytest.raises(DrawError, match=r"list\.0\.scale"):
        igt.materialize_(model, seed=0)
    del model
    assert (igt.materialize_(known, seed=0).part.scale == 10.0).all()


def test_trying_sizes_builds_no_giants() -> None:
    """A width is tried for the number of layers too: no twin may have many times the parts."""
    built = list[int]()

    class Deep(nn.Module):
        def __init__(self, width: int, layers: int) -> None:
            super().__init__()
            self.layers = nn.ModuleList()
            for _ in range(layers):
                self.layers.append(nn.Linear(width, width))
                built.append(width)
            for one in self.layers:
                nn.init.normal_(one.weight, std=1 / layers)

    model = bare(partial(Deep, 4096, 2))
    igt.materialize_(model, {"*.bias": 0.0}, seed=0)
    assert len(built) < 500
    assert math.isclose(float(model.layers[0].weight.detach().std()), 0.5, rel_tol=0.01)


class Makes(nn.Module):
    """Another way to make it, which does again what the constructor has done."""

    def __init__(self, size: int = 6) -> None:
        super().__init__()
        self.size = size
        self.layer, self.tied = nn.Linear(size, size), False
        self.finish()

    @classmethod
    def from_size(cls, size: int) -> Makes:
        made = cls(size)
        made.finish()
        return made

    def finish(self) -> None:
        if self.tied:
            self.adjust()

    def adjust(self) -> None:
        self.layer.bias.data = nn.functional.pad(self.layer.bias.data, (0, 0))


class MakesOther(Makes):
    """Here it does more."""

    @classmethod
    def halved(cls) -> MakesOther:
        made = cls(6)
        made.layer.weight.data.mul_(0.5)
        return made


class HoldsMade(nn.Module):
    """In its package, and may have made one."""

    def __init__(self) -> None:
        super().__init__()
        self.made = Makes.from_size(6)


class MakesAnew(Makes):
    """And here another tensor."""

    @classmethod
    def anew(cls) -> MakesAnew:
        made = cls(6)
        made.layer.register_parameter("bias", nn.Parameter(torch.ones(6)))
        return made


def made_anew_elsewhere() -> nn.Module:
    return MakesAnew.anew()


def made_elsewhere() -> nn.Module:
    return MakesOther.halved()


def test_what_a_class_method_does_again_is_known() -> None:
    assert_same_as_deferred(Makes)


def test_what_a_class_method_does_more_is_not() -> None:
    for make in (made_elsewhere, made_anew_elsewhere):
        with pytest.raises(DrawError, match=make.__name__):
            igt.materialize_(bare(make), seed=0)


# flags that leave no trace -----------------------------------------------------------------------------


class Quiet(nn.Module):
    """Whether it begins loud or quiet is kept nowhere, and nothing in it tells."""

    def __init__(self, width: int = 6, quiet: bool = False) -> None:
        super().__init__()
        self.width = width
        self.scale = nn.Parameter(torch.full((width,), 0.01 if quiet else 1.0))


def test_of_two_ways_with_one_structure_neither_is_taken() -> None:
    for quiet in (False, True):
        model = bare(partial(Quiet, quiet=quiet))
        with pytest.raises(DrawError, match="nothing was written: no start is known for scale"):
            igt.materialize_(model, seed=0)
        assert model.scale.is_meta


# memory in spite of meta ------------------------------------------------------------------------------


class Legacy(nn.Module):
    """`torch.FloatTensor` takes memory on the CPU wherever one is; the recipe fills some of it."""

    def __init__(self, heads: int = 3, width: int = 40) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.FloatTensor(width, heads, width))
        self.layer = nn.Linear(width, width)
        self.levels = nn.Parameter(torch.FloatTensor([1.0, 2.0]))
        self.fill()

    def fill(self) -> None:
        if not self.layer.weight.is_meta:
            self.init_weights()

    def init_weights(self) -> None:
        nn.init.normal_(self.query, std=0.02)


class Forgets(Legacy):
    """Its recipe leaves it out."""

    def init_weights(self) -> None:
        nn.init.zeros_(self.layer.bias)


class Partly(Legacy):
    """Some of it may have been loaded."""


def test_memory_that_a_constructor_left_as_it_was_gets_its_start() -> None:
    model = bare(Legacy)
    assert not model.query.is_meta
    old = model.query
    igt.materialize_(model, seed=0)
    assert math.isclose(float(model.query.detach().std()), 0.02, rel_tol=0.1)
    assert model.levels.tolist() == [1.0, 2.0]
    assert "Normal(std=0.02" in str(igt.own_plan(bare(Legacy))["query"].initializer)
    assert model.query is not old
    filled = model.query.detach().clone()
    assert torch.equal(igt.materialize_(model, seed=1).query, filled)


class Draws(nn.Module):
    """On the CPU, wherever one is, and with a number that its part does not keep."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.FloatTensor(4, 4).normal_())
        self.part = Places(3, 5, 3.0)


def test_looking_uses_no_random_numbers() -> None:
    model = bare(Draws)
    before = torch.random.get_rng_state()
    igt.materialize_(model, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)


def forgetful(way: str) -> None:
    if way == "bare":
        igt.materialize_(bare(Forgets), seed=0)
    elif way == "deferred":
        igt.materialize_(igt.deferred(Forgets), seed=0)
    else:
        with igt.drawn(seed=0):
            Forgets()


@pytest.mark.parametrize("way", ["bare", "deferred", "drawn"])
def test_memory_that_no_recipe_writes_is_named(way: str) -> None:
    with pytest.raises(DrawError, match=r"nothing was written: no start is known for query[ ;]"):
        forgetful(way)


def test_a_choice_fills_what_no_recipe_writes() -> None:
    model = igt.materialize_(bare(Forgets), {"query": 3.0}, seed=0)
    assert (model.query == 3.0).all()


def test_what_was_loaded_stays() -> None:
    model = nn.Sequential(bare(Legacy), bare(partial(nn.Linear, 3, 3)))
    model[0].load_state_dict(Legacy().state_dict(), assign=True)
    before = {path: one.clone() for path, one in model[0].state_dict().items()}
    igt.materialize_(model, seed=0)
    assert all(torch.equal(one, before[path]) for path, one in model[0].state_dict().items())


def test_what_may_have_been_loaded_is_named() -> None:
    model = bare(Partly)
    model.layer.weight = nn.Parameter(torch.ones(40, 40))
    with pytest.raises(DrawError, match=r"query .*left as it was, and others around it values"):
        igt.materialize_(model, seed=0)


# plain tensors ----------------------------------------------------------------------------------------


class Plain(nn.Module):
    """Tensors that are only attributes: computed, drawn, in a list, and scratch."""

    def __init__(self, size: int = 5) -> None:
        super().__init__()
        self.size = size
        self.layer = nn.Linear(size, size)
        self.steps = torch.arange(size) / size
        self.tables = [torch.arange(each).float() for each in (2, size)]
        self.noise = torch.randn(400)
        self.scratch = torch.empty(3)
        self.same = [self.layer.weight]


class Unknown(nn.Module):
    """One made of a number that is not kept."""

    def __init__(self, base: float) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.steps = base ** torch.arange(4)


def test_plain_tensors_of_a_bare_model_get_their_values() -> None:
    model, whole = igt.materialize_(bare(Plain), seed=0), Plain()
    assert torch.equal(model.steps, whole.steps)
    assert all(map(torch.equal, model.tables, whole.tables))
    assert 0.8 < float(model.noise.std()) < 1.2
    assert model.same[0] is model.layer.weight
    again = igt.materialize_(bare(Plain), seed=0)
    assert torch.equal(again.noise, model.noise)


def test_plain_tensors_that_cannot_be_known_are_named_before_anything_is_written() -> None:
    model = bare(partial(Unknown, 2.0))
    with pytest.raises(DrawError, match=r"no start is known for the tensor steps[ ;]"):
        igt.materialize_(model, seed=0)
    assert model.layer.weight.is_meta
    igt.own_plan(model)
    with pytest.raises(DrawError, match="the tensor steps"):
        igt.materialize_(model, seed=0)
    model.steps = 2.0 ** torch.arange(4)
    igt.materialize_(model, seed=0)


def test_what_a_pass_left_behind_is_nobodys_start() -> None:
    model = bare(partial(nn.Sequential, nn.Linear(3, 3)))
    model.cache = torch.empty(3, 3, device="meta")
    igt.materialize_(model, seed=0)
    assert not model[0].weight.is_meta


def test_a_recurrent_layers_list_of_weights_is_its_weights() -> None:
    model = igt.materialize_(bare(partial(nn.LSTM, 3, 4)), seed=0)
    assert all(
        one is getattr(model, name)
        for one, name in zip(model._flat_weights, model._flat_weights_names, strict=True)
    )
    assert model(torch.zeros(2, 1, 3))[0].shape == (2, 1, 4)


# sharded, and a true library's ------------------------------------------------------------------------


def test_a_sharded_model_is_built_once_more_as_well(mesh: Any) -> None:
    from torch.distributed.fsdp import fully_shard

    alone, model = (bare(partial(Configured, 6, 7.0)) for _ in range(2))
    fully_shard(model, mesh=mesh)
    expected = igt.materialize_(alone, seed=0).state_dict()
    found = igt.materialize_(model, seed=0).state_dict()
    whole = {path: getattr(one, "full_tensor", lambda one=one: one)() for path, one in found.items()}
    assert all(torch.equal(one, whole[path]) for path, one in expected.items())


@pytest.fixture
def mesh() -> Any:
    import torch.distributed as dist

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield dist.init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def test_xlnets_attention_gets_its_start() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.XLNetConfig(vocab_size=20, d_model=32, n_layer=1, n_head=4, d_inner=16)
    model = bare(partial(transformers.XLNetModel, config))
    attention = igt.materialize_(model, seed=0).layer[0].rel_attn
    sizes = [float(getattr(attention, name).detach().std()) for name in ("q", "k", "v", "o", "r")]
    assert all(math.isclose(one, 0.02, rel_tol=0.15) for one in sizes)


@pytest.mark.parametrize("name", ["CLIPVision", "SiglipVision"])
def test_towers_that_others_make_by_a_class_method_start(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    settings = {"hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = getattr(transformers, f"{name}Config")(**settings, image_size=8, patch_size=4)
    model = bare(partial(getattr(transformers, f"{name}Model"), config))
    igt.materialize_(model, seed=0)
    assert not any(one.tensor.is_meta for one in places_of(model))
