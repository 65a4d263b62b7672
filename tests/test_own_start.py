"""A model's own start: recorded without memory, read as laws, drawn; against the constructors themselves."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import isogain as ig
import isogain.torch as igt
from isogain.errors import DrawError
from isogain.torch.own.shortcuts import SHORTCUTS
from own_networks import Everything, Gpt, Rotary, Shortly, Titan


@pytest.fixture(scope="module")
def eager() -> Everything:
    torch.manual_seed(0)
    return Everything()


@pytest.fixture(scope="module")
def plan() -> igt.Plan:
    return igt.own_plan(igt.deferred(Everything))


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.detach() for name, one in [*model.named_parameters(), *model.named_buffers()]}


def test_a_deferred_model_has_no_memory_and_uses_no_random_state() -> None:
    before = torch.random.get_rng_state()
    model = igt.deferred(Everything)
    assert all(one.is_meta for one in tensors(model).values())
    assert torch.equal(before, torch.random.get_rng_state())
    assert model.rates == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert model.places == [0, 3, 6, 9]


def test_what_is_computed_comes_back_bit_for_bit(eager: Everything) -> None:
    model = igt.materialize_(igt.deferred(Everything), seed=0)
    ours, theirs = tensors(model), tensors(eager)
    assert list(ours) == list(theirs)
    for name, one in theirs.items():
        assert ours[name].dtype == one.dtype, name
        assert ours[name].shape == one.shape, name
        assert ours[name].stride() == one.stride(), name
    for name in (
        "rotary.frequencies",
        "rotary.table",
        "rotary.sines",
        "decay",
        "copies.layers.1.norm1.weight",
    ):
        assert torch.equal(ours[name], theirs[name]), name
    assert torch.equal(model.rotary.plain, eager.rotary.plain)
    assert "rotary.frequencies" not in model.state_dict()


def test_random_tensors_have_the_laws_of_the_constructor(eager: Everything) -> None:
    ours = tensors(igt.materialize_(igt.deferred(Everything), seed=0))
    for name, one in tensors(eager).items():
        a, b = one.double().flatten(), ours[name].double().flatten()
        if len(a) < 100 or float(a.std()) == 0:
            continue
        error = math.sqrt((float(a.square().var()) + float(b.square().var())) / len(a))
        assert abs(float(a.square().mean() - b.square().mean())) < 5 * error + 1e-12, name
        both = torch.cat([a, b]).sort().values
        below = [torch.searchsorted(one.sort().values, both, right=True) / len(one) for one in (a, b)]
        assert float((below[0] - below[1]).abs().max()) < 2.74 * math.sqrt(2 / len(a)), name


@pytest.mark.parametrize(
    ("path", "law"),
    [
        ("table.weight", ig.Packed((ig.Normal(1.0), ig.Zeros()), (3, 1, 46), (0, 1, 0))),
        ("packed.weight", ig.Packed((ig.Normal(0.1), ig.Normal(0.2), ig.Normal(0.4)), (24, 24, 24), (0, 1, 2))),
        ("packed.bias", ig.Uniform(-1 / 24**0.5, 1 / 24**0.5)),
        ("square.weight", ig.get("torch.orthogonal_", gain=2.0)),
        ("cut.weight", ig.get("torch.trunc_normal_", std=0.02, a=-0.04, b=0.04)),
        ("cell.weight_ih_l0", ig.Uniform(-1 / 8**0.5, 1 / 8**0.5)),
        ("steps", ig.StepBias(0.001, 0.1, 1e-4)),
        ("half.weight", ig.get("torch.default_weight")),
        ("copies.layers.0.norm1.weight", ig.Ones()),
    ],
)  # fmt: skip
def test_laws_are_read(plan: igt.Plan, path: str, law: ig.Initializer) -> None:
    found = plan[path].initializer
    if isinstance(law, ig.Uniform):
        assert isinstance(found, ig.Uniform | ig.VarianceScaling)
        bounds = found.law(plan[path].shape, layout=plan[path].layout).bounds
        assert bounds == pytest.approx((law.low, law.high))
    elif isinstance(law, ig.VarianceScaling):
        assert (found.mode, found.distribution, found.fan_rule) == (law.mode, law.distribution, law.fan_rule)
        assert found.scale == pytest.approx(law.scale)
    else:
        assert found == law


def test_a_truncated_normal_is_known_by_its_steps(plan: igt.Plan) -> None:
    law = plan["cut.bias"].initializer
    assert isinstance(law, ig.TruncatedNormal)
    assert (law.mean, law.std, law.low, law.high) == pytest.approx((1.0, 0.3, 0.4, 1.6))


def test_reasons_are_lines_of_the_library(plan: igt.Plan) -> None:
    source = Path(Everything.__init__.__code__.co_filename).read_text(encoding="utf-8").splitlines()
    file, line = plan["square.weight"].reason.partition(" ")[0].rsplit(":", 1)
    assert file.endswith("own_networks.py")
    assert "orthogonal_" in source[int(line) - 1]


def test_a_plan_is_data(plan: igt.Plan) -> None:
    assert igt.Plan.from_json(plan.to_json()) == plan
    assert "rotary.table: computed" in str(plan)
    assert plan["decay"].kept
    assert plan["decay"].reason.startswith("computed as DiagonalState(kind='real', form='log'): ")
    assert plan["copies.layers.1.linear1.weight"].reason.startswith(
        "made from copies.layers.0.linear1.weight"
    )
    assert plan["order"].reason.startswith("random, without a law")


def test_what_was_made_from_a_parameter_follows_it() -> None:
    """The copies of a layer, and the lengths beside a normed direction, also when another law was chosen."""
    choice = {"copies.layers.0.linear1.weight": "orthogonal", "kernel.*original1": 0.5}
    for choices in (None, choice):
        model = igt.materialize_(igt.deferred(Everything), choices, seed=1)
        first, second = (layer.linear1.weight for layer in model.copies.layers)
        assert torch.equal(first, second)
        lengths, directions = (one.detach() for one in model.kernel.parametrizations.weight.parameters())
        assert torch.allclose(lengths.flatten(), directions.flatten(1).norm(dim=1))
    assert torch.equal(directions, torch.full_like(directions, 0.5))


def test_ties_stay_and_permutations_are_replayed() -> None:
    model, other = (igt.materialize_(igt.deferred(Everything), seed=seed) for seed in (0, 1))
    assert model.head.weight is model.table.weight
    assert sorted(model.order.tolist()) == list(range(30))
    assert not torch.equal(model.order, other.order)
    assert torch.equal(model.order, igt.materialize_(igt.deferred(Everything), seed=0).order)


def test_plan_and_record_draw_the_same_bits() -> None:
    by_record = igt.materialize_(igt.deferred(Gpt), seed=3)
    model = igt.deferred(Gpt)
    text = igt.own_plan(model).to_json()
    by_plan = igt.materialize_(model, igt.Plan.from_json(text), seed=3)
    by_apply = igt.deferred(Gpt)
    igt.apply_(by_apply, igt.Plan.from_json(text), seed=3)
    for name, one in tensors(by_record).items():
        assert torch.equal(one, tensors(by_plan)[name]), name
        assert torch.equal(one, tensors(by_apply)[name]), name


def test_drawn_is_the_same_start_in_one_line() -> None:
    before = torch.random.get_rng_state()
    with igt.drawn(seed=3):
        model = Gpt()
    assert torch.equal(before, torch.random.get_rng_state())
    expected = igt.materialize_(igt.deferred(Gpt), seed=3)
    assert all(torch.equal(one, tensors(expected)[name]) for name, one in tensors(model).items())
    end = model.layers[0]["end"].weight
    assert float(end.std()) == pytest.approx(0.01, abs=5 * 0.01 / math.sqrt(2 * end.numel()))
    assert np.array_equal(
        model.layers[1]["up"].weight.detach().numpy(),
        ig.draw(ig.Normal(0.02), (64, 32), layout="out in *", seed=3, path="layers.1.up.weight"),
    )


def test_shortcuts_record_what_the_dispatcher_would(monkeypatch: pytest.MonkeyPatch) -> None:
    build = [Everything, Gpt, Titan, Shortly]
    shortly = [igt.own_plan(igt.deferred(one)) for one in build]
    ours = [tensors(igt.materialize_(igt.deferred(one), seed=2)) for one in (Everything, Gpt, Shortly)]
    for func in SHORTCUTS:
        monkeypatch.setitem(SHORTCUTS, func, lambda args, kwargs: None)
    assert [igt.own_plan(igt.deferred(one)) for one in build] == shortly
    for one, found in zip((Everything, Gpt, Shortly), ours, strict=True):
        longly = tensors(igt.materialize_(igt.deferred(one), seed=2))
        assert list(longly) == list(found)
        for name, tensor in longly.items():
            assert tensor.dtype == found[name].dtype, name
            assert torch.equal(tensor, found[name]), name


def test_shortcuts_refuse_what_torch_refuses() -> None:
    with igt.deferred():
        leaf = nn.Parameter(torch.empty(3))
        for refused in (
            lambda: leaf.fill_(1.0),
            lambda: torch.empty(-1),
            lambda: torch.empty(3).normal_(0, -1),
        ):
            with pytest.raises(RuntimeError):
                refused()


def test_threads_change_no_number() -> None:
    def build() -> nn.Module:
        return nn.Sequential(*[nn.Linear(300, 200) for _ in range(6)], Everything())

    one, four = (tensors(igt.materialize_(igt.deferred(build), seed=4, threads=count)) for count in (1, 4))
    assert all(torch.equal(tensor, four[name]) for name, tensor in one.items())


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("norm", [nn.utils.parametrizations.weight_norm, nn.utils.weight_norm])
def test_recipes_reach_what_a_computed_weight_is_made_of(norm: object) -> None:
    def build() -> nn.Module:
        return nn.Sequential(norm(nn.Conv1d(16, 24, 5), dim=2), norm(nn.Linear(12, 8)))

    with torch.device("meta"):
        bare = build()
    model = igt.materialize_(bare, seed=0)
    bound = 1 / math.sqrt(16 * 5)
    model(torch.zeros(1, 16, 16))
    weight = model[0].weight.detach()
    assert bound * 0.95 < float(weight.abs().max()) <= bound * 1.0001
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
    lengths = next(one for one in model[0].parameters() if one.shape == (1, 1, 5))
    assert torch.allclose(lengths.flatten(), weight.flatten(0, 1).norm(dim=0))
    deferred = igt.materialize_(igt.deferred(build), seed=0)
    assert all(torch.equal(one, tensors(deferred)[name]) for name, one in tensors(model).items())


def test_running_statistics_follow_a_pass_in_the_constructor() -> None:
    class Probed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(4, 6), nn.BatchNorm1d(6)
            self.norm(self.layer(torch.ones(3, 4)))

    model = igt.materialize_(igt.deferred(Probed), seed=0)
    with torch.no_grad():
        seen = model.layer(torch.ones(4))
    assert torch.allclose(model.norm.running_mean, 0.1 * seen)
    assert torch.allclose(model.norm.running_var, torch.full((6,), 0.9))
    assert model.norm.num_batches_tracked == 1


def test_a_tied_tensor_is_its_holder_s_whose_recipe_writes_it() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.empty(6))
            self.decoder = nn.Linear(4, 6)
            self.decoder.bias = self.bias

    with torch.device("meta"):
        model = Head()
    igt.materialize_(model, seed=0)
    assert model.decoder.bias is model.bias
    assert 0 < float(model.bias.detach().abs().max()) <= 0.5


def test_two_models_in_one_block_start_apart() -> None:
    with igt.drawn(seed=0):
        model, other = Gpt(), Gpt()
    assert not torch.equal(model.layers[0]["up"].weight, other.layers[0]["up"].weight)


def test_an_error_inside_is_the_callers() -> None:
    def build() -> None:
        with igt.drawn(seed=0):
            nn.Linear(3, 4)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        build()
    assert torch.empty(2).device.type == "cpu"


def test_models_on_meta_are_started_by_their_own_recipes() -> None:
    with torch.device("meta"):
        gpt, titan = Gpt(), Titan()
    plan = igt.own_plan(gpt)
    assert plan["layers.0.up.weight"].initializer == ig.Normal(0.02)
    assert plan["norm.weight"].initializer == ig.Ones()
    igt.materialize_(titan, seed=0)
    assert torch.equal(titan.frequencies, torch.arange(8).float() ** 0.5)
    assert float(titan.weight.std()) == pytest.approx(0.02, rel=0.1)


def test_the_record_stays_with_copies() -> None:
    twin = copy.deepcopy(igt.deferred(Rotary))
    assert torch.equal(igt.materialize_(twin, seed=0).table, Rotary().table)
    again = pickle.loads(pickle.dumps(igt.materialize_(igt.deferred(Gpt), seed=0)))
    assert torch.isfinite(again.layers[0]["up"].weight).all()


def test_what_nobody_wrote_is_named_in_one_error() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lost, self.line = nn.Parameter(torch.empty(3, 4)), nn.Linear(4, 4)
            self.part = nn.Parameter(torch.empty(4, 4))
            self.register_buffer("gone", torch.empty(2))
            with torch.no_grad():
                self.part[:2].zero_()
            self.both = nn.Parameter(torch.empty(4, 4))
            with torch.no_grad():
                self.both[:, 0::2] = 1.0
                self.both[:, 1::2] = 2.0

    model = igt.deferred(Forgetful)
    with pytest.raises(DrawError, match="lost, part, the buffer gone") as caught:
        igt.materialize_(model, seed=0)
    assert "both" not in str(caught.value)
    assert model.line.weight.is_meta
    igt.materialize_(model, {"lost": "zeros", "part": "ones", "gone": 0.0}, seed=0)
    assert model.both.tolist() == [[1.0, 2.0, 1.0, 2.0]] * 4


def test_a_generator_of_the_librarys_own_keeps_its_numbers() -> None:
    class Features(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            generator = torch.Generator().manual_seed(7)
            self.register_buffer("first", torch.randn(5, generator=generator))
            self.register_buffer("second", torch.randn(5, generator=generator))

    model, real = igt.materialize_(igt.deferred(Features), seed=0), Features()
    assert torch.equal(model.first, real.first)
    assert torch.equal(model.second, real.second)


def test_modules_with_memory_are_left_alone() -> None:
    trained = nn.Linear(3, 3)
    kept = trained.weight.detach().clone()
    model = igt.deferred(lambda: nn.Sequential(trained, nn.Linear(3, 3)))
    assert not model[0].weight.is_meta
    igt.materialize_(model, seed=0)
    assert torch.equal(model[0].weight, kept)


@pytest.mark.parametrize("is_recorded", [True, False])
def test_inside_of_the_context_that_builds_without_memory(is_recorded: bool) -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))

    with torch.device("meta"):
        model = igt.deferred(build) if is_recorded else build()
        igt.materialize_(model, seed=0)
    expected = igt.materialize_(igt.deferred(build), seed=0).state_dict()
    assert all(torch.equal(one, expected[path]) for path, one in model.state_dict().items())


@pytest.mark.parametrize("name", ["weight_norm", "orthogonal", "spectral_norm"])
def test_computed_weights_start_alike_by_either_way(name: str) -> None:
    """What lies behind a parametrization is drawn, and the weight that it gives follows."""

    def build() -> nn.Module:
        layer = getattr(nn.utils.parametrizations, name)(nn.Linear(8, 8))
        return nn.Sequential(layer, nn.Tanh(), nn.Linear(8, 2))

    one = igt.materialize_(igt.deferred(build), seed=1)
    with igt.drawn(seed=1):
        other = build()
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    weight = one[0].weight.detach()
    largest = float(torch.linalg.matrix_norm(weight, 2))
    assert largest == pytest.approx(1.0, abs=0.2) if name != "weight_norm" else largest < 1.2
    if name == "orthogonal":
        assert torch.allclose(weight @ weight.T, torch.eye(8), atol=1e-5)
