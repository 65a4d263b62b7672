"""Starting a model changes its weights and nothing else: all or nothing, twice as once, on any device and type."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError, IsogainError  # noqa: E402
from isogain.graph.entry import PlanError  # noqa: E402
from plan_networks import mlp  # noqa: E402
from test_inspect_safety import state  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def weights(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


class Busy(nn.Module):
    """Draws random numbers, updates statistics, counts its calls and drops units out."""

    def __init__(self):
        super().__init__()
        self.one, self.norm, self.two = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 16)
        self.drop, self.three = nn.Dropout(0.2), nn.Linear(16, 3)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        x = self.drop(torch.relu(self.norm(self.one(x))))
        return self.three(torch.relu(self.two(x + 0.01 * torch.randn_like(x))))


@pytest.mark.parametrize("training", [True, False])
def test_only_parameters_change(training):
    model, x = Busy().train(training), torch.randn(16, 8)
    model.one.weight.grad = torch.ones_like(model.one.weight)
    before = state(model)
    igt.init_(model, x, keep_healthy=False)
    after = state(model)
    names = {name for name, _ in model.named_parameters()}
    for found in (before, after):
        found["values"] = {name: value for name, value in found["values"].items() if name not in names}
    assert after == before
    assert model.calls == 0


def test_plan_and_a_failing_start_change_nothing():
    model, x, wrong = mlp(nn.ReLU, depth=12), torch.randn(4, 32), torch.randn(4, 31)
    before = state(model)
    igt.plan(model, x)
    assert state(model) == before
    with pytest.raises(InspectError, match="the model raised"):
        igt.init_(model, wrong)
    assert state(model) == before


def test_a_model_that_fails_half_way_is_put_back():
    class Fragile(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers, self.passes = mlp(nn.ReLU, depth=12), []

        def forward(self, x):
            self.passes.append(1)
            if len(self.passes) > 1:
                raise RuntimeError("no more")
            return self.layers(x)

    model = Fragile()
    before = weights(model)
    with pytest.raises(InspectError, match="no more"):
        igt.init_(model, torch.randn(4, 32))
    assert same(before, weights(model))


def test_twice_is_as_once_and_seeds_differ():
    model, x = mlp(nn.GELU, depth=12), torch.randn(16, 32)
    igt.init_(model, x, seed=1)
    once = weights(model)
    igt.init_(model, x, seed=1)
    assert same(once, weights(model))
    igt.init_(model, x, seed=2)
    assert not torch.equal(once["2.weight"], model[2].weight)
    fresh = mlp(nn.GELU, depth=12)
    igt.init_(fresh, x, seed=1)
    assert same(once, weights(fresh))


def test_a_normalised_model_that_was_drawn_is_drawn_again():
    model, x = Busy(), torch.randn(16, 8)
    igt.init_(model, x, seed=1, keep_healthy=False)
    once = weights(model)
    igt.init_(model, x, seed=2)
    assert not torch.equal(once["one.weight"], model.one.weight)


def test_a_plan_that_does_not_fit_names_every_path():
    plan = igt.plan(mlp(nn.ReLU, depth=4), torch.randn(4, 32))
    other = mlp(nn.ReLU, depth=5, width=48)
    before = weights(other)
    with pytest.raises(
        PlanError, match=r"(?s)nothing was written.*8\.weight is in the model.*0\.weight has shape"
    ):
        igt.apply_(other, plan)
    assert same(before, weights(other))


def test_frozen_and_excluded_parameters_are_protected():
    model, x = mlp(nn.ReLU, depth=12), torch.randn(16, 32)
    model[0].weight.requires_grad_(False)
    before = weights(model)
    receipt = igt.init_(model, x, exclude=["2.*", "4.bias"])
    kept = {name for name, value in weights(model).items() if torch.equal(value, before[name])}
    assert kept == {"0.weight", "2.weight", "2.bias", "4.bias"}
    assert "frozen" in receipt.plan["0.weight"].reason
    assert "excluded" in str(receipt)


def test_no_random_state_is_read():
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model, x = mlp(nn.ReLU, depth=12), torch.ones(4, 32).cumsum(0)
        torch.manual_seed(seed)
        igt.init_(model, x, seed=7)
        results.append(weights(model))
    assert same(*results)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions(dtype):
    model, x = mlp(nn.ReLU, depth=12).to(dtype), torch.randn(16, 32).to(dtype)
    receipt = igt.init_(model, x)
    assert all(parameter.dtype == dtype for parameter in model.parameters())
    sizes = [gain.after for gain in receipt.gains[:-1]]
    assert max(sizes) / min(sizes) < 1.1


def test_complex_parameters():
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Parameter(torch.randn(32, 16, dtype=torch.complex64))
            self.two = nn.Parameter(torch.randn(8, 32, dtype=torch.complex64))

        def forward(self, x):
            return nn.functional.linear(torch.tanh(nn.functional.linear(x, self.one)), self.two)

    model = Complex()
    before = weights(model)
    igt.init_(model, torch.randn(64, 16, dtype=torch.complex64), keep_healthy=False)
    assert not torch.equal(before["one"], model.one)
    assert float(model.one.detach().abs().square().mean() * 16) == pytest.approx(
        1.0, abs=5 / (32 * 16) ** 0.5
    )


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_parametrized_weights_are_set_through_their_right_inverse():
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(32, 64)), nn.ReLU(), parametrizations.spectral_norm(nn.Linear(64, 64)),
        nn.ReLU(), parametrizations.orthogonal(nn.Linear(64, 64)), nn.ReLU(), nn.utils.weight_norm(nn.Linear(64, 8)),
    )  # fmt: skip
    x = torch.randn(64, 32)
    fixed = model[4].weight.detach().clone()
    plan = igt.plan(model, x)
    assert plan["0.weight"].originals == tuple(f"0.parametrizations.weight.original{k}" for k in (0, 1))
    plan["0.weight"] = "orthogonal"
    igt.apply_(model, plan, seed=3)
    drawn = torch.from_numpy(ig.draw("orthogonal", (64, 32), seed=3, path="0.weight", layout="out in"))
    assert torch.allclose(model[0].weight, drawn, atol=1e-6)
    assert torch.equal(model[4].weight, fixed)
    receipt = igt.init_(model, x, keep_healthy=False)
    first, last = model[0](x).detach(), model(x).detach()
    assert float(first.square().mean().sqrt()) == pytest.approx(1.0, rel=0.06)
    assert float(last.square().mean().sqrt()) == pytest.approx(0.3, rel=0.06)
    assert len(receipt.written) == 7


def test_meta_models_get_memory_and_the_same_bits():
    x = torch.randn(16, 8)
    real = Busy()
    with torch.device("meta"):
        empty = Busy()
    plan = igt.plan(empty, x)
    assert all(parameter.is_meta for parameter in empty.parameters())
    igt.apply_(empty, plan, seed=4)
    igt.apply_(real, plan, seed=4)
    assert same(weights(empty), weights(real))
    assert torch.equal(empty.norm.running_var, torch.ones(16))
    with torch.device("meta"):
        again = Busy()
    igt.init_(again, x, seed=4)
    assert torch.isfinite(again(x)).all()


def test_meta_tensors_without_a_start_are_named():
    class Lost(nn.Module):
        def __init__(self):
            super().__init__()
            self.line, self.extra = nn.Linear(4, 4), nn.Parameter(torch.empty(2, 3, 4))
            self.register_buffer("table", torch.empty(4))

        def forward(self, x):
            return self.line(x) + self.table + self.extra.cumsum(0).sum((0, 1))

    with torch.device("meta"):
        model = Lost()
    plan = igt.plan(model, torch.randn(2, 4))
    with pytest.raises(PlanError, match="extra, the buffer table"):
        igt.apply_(model, plan)
    assert model.line.weight.is_meta


def test_planning_a_huge_meta_model_allocates_nothing():
    """Forty layers of 8192: a weight alone would be 256 MiB, the model 10 GiB."""
    import resource

    with torch.device("meta"):
        layers = (part for _ in range(40) for part in (nn.Linear(8192, 8192), nn.GELU()))
        model = nn.Sequential(*layers, nn.Linear(8192, 1000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    plan = igt.plan(model, torch.empty(8, 8192, device="meta"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200 * 1024
    assert isinstance(plan["40.weight"].initializer, ig.MirroredOrthogonal)


def test_copies_and_wrappers_start_alike():
    model, x = mlp(nn.ReLU, depth=12), torch.randn(16, 32)
    twin = copy.deepcopy(model)
    igt.init_(model, x)
    igt.init_(torch.compile(twin), x)
    assert same(weights(model), weights(twin))


def test_bad_models_and_seeds():
    with pytest.raises(IsogainError):
        igt.init_("model", torch.randn(1))
    with pytest.raises(IsogainError):
        igt.init_(nn.Linear(2, 2), torch.randn(1, 2), seed="one", keep_healthy=False)


def test_every_rank_plans_alike_and_shards_gather_to_the_whole():
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("torch without gloo")
    from many_processes import run_on
    from plan_processes import make, run

    found = run_on(run, 2)
    model = make()
    plan = igt.plan(model, torch.randn(4, 12))
    igt.apply_(model, plan, seed=5)
    assert found["hash 0"] == found["hash 1"] == plan.hash
    for name, value in model.state_dict().items():
        assert torch.equal(value, torch.from_numpy(found["weights"][name]))
    assert "plan before sharding" in found["said 0"]


def test_dropout_does_not_let_the_random_state_in():
    results = []
    for seed in (1, 2):
        torch.manual_seed(0)
        model, x = Busy(), torch.randn(16, 8)
        torch.manual_seed(seed)
        igt.init_(model, x, seed=3, keep_healthy=False)
        results.append(weights(model))
    assert same(*results)


def test_corner_cases():
    assert igt.init_(nn.ReLU(), torch.randn(2, 3)).written == ()
    with pytest.raises(InspectError, match="lazy"):
        igt.init_(nn.LazyLinear(3), torch.randn(2, 3))
    model = mlp(nn.ReLU, depth=12)
    receipt = igt.init_(model, None, seed=2)
    assert "guessed" in receipt.plan.notes[0]
    twin = mlp(nn.ReLU, depth=12)
    igt.apply_(twin, igt.plan(twin), seed=2)
    assert same(weights(model), weights(twin))

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(4, 4)

        def forward(self, *, left, right):
            return {"both": [self.line(left), right]}

    named = {"left": torch.randn(2, 4), "right": torch.ones(2)}
    assert len(igt.init_(Named(), named, keep_healthy=False).written) == 2
