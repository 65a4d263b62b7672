"""A model in shards is looked at, planned, copied and started as the whole one, and keeps its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

from torch import distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard  # noqa: E402
from torch.nn.utils import parametrizations, spectral_norm, weight_norm  # noqa: E402

import isogain.torch as igt  # noqa: E402
from inspect_processes import Block, batch, loss  # noqa: E402


@pytest.fixture(scope="module")
def mesh() -> Iterator[Any]:
    """A group of one process."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield dist.init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def deep(wrap: Callable[[nn.Module], nn.Module] = lambda layer: layer) -> nn.Sequential:
    """Eight layers that their own start leaves without a signal."""
    torch.manual_seed(0)
    layers = (one for k in range(8) for one in (wrap(nn.Linear(24 if k else 12, 24)), nn.ReLU()))
    return nn.Sequential(*layers, nn.Linear(24, 5))


def shards(model: nn.Sequential, mesh: Any, **options: Any) -> nn.Sequential:
    """A layer by itself, then the rest."""
    fully_shard(model[2], mesh=mesh, **options)
    return fully_shard(model, mesh=mesh, **options)


def whole(model: nn.Module) -> list[torch.Tensor]:
    """All that it holds, gathered."""
    held = model.state_dict().values()
    return [one.full_tensor() if hasattr(one, "full_tensor") else one.clone() for one in held]


def test_memory_that_was_looked_at_can_be_given_back() -> None:
    model = nn.Sequential(nn.Embedding(30, 12), nn.Linear(12, 12, bias=False), nn.ReLU(), nn.Linear(12, 5))
    given = torch.arange(64).reshape(8, 8) % 30
    igt.inspect(model, given, lambda output: output.square().mean())
    held = [*model.parameters(), given]
    assert all(one.untyped_storage().resizable() for one in held)  # type: ignore[attr-defined]


def test_a_sharded_model_has_the_names_and_fixes_of_the_whole_one(mesh: Any) -> None:
    def spoiled() -> nn.Sequential:
        model = deep()
        nn.init.constant_(model[4].weight, 0.1)
        return model

    model, alone = shards(spoiled(), mesh), igt.inspect(spoiled(), batch(), loss)
    report = igt.inspect(model, batch(), loss)
    assert [(one.key, one.fix) for one in report.findings] == [(one.key, one.fix) for one in alone.findings]
    assert any(one.fix for one in alone.findings)
    assert report.settings["model"] == "Sequential"
    assert igt.plan(model).to_json() == igt.plan(deep()).to_json()


class Doubled(torch.autograd.Function):
    """Of a model's own, so that a look has to go the way back by `backward`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Twice what it gets."""
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        """Twice the gradient."""
        return 2 * gradient


class Doubling(nn.Module):
    """The same as a layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Twice what it gets."""
        return Doubled.apply(x)  # type: ignore[no-any-return]


def test_gradients_of_a_pass_of_the_models_own_are_seen_and_not_kept(mesh: Any) -> None:
    def build() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(12, 24), Doubling(), Block(), nn.Linear(24, 5))

    model, alone = shards(build(), mesh), igt.inspect(build(), batch(), loss)
    report = igt.inspect(model, batch(), loss)
    assert report.verdict == alone.verdict
    for name, state in alone.table.parameters.items():
        found = report.table.parameters[name].gradient
        assert found is not None
        assert state.gradient is not None
        assert found.rms == pytest.approx(state.gradient.rms, rel=1e-5), name
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_is_rounded_for_a_pass_is_planned_by_what_is_kept(mesh: Any) -> None:
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16)
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), Block(), nn.Linear(24, 5))
    with torch.no_grad():
        model[2].norm.weight.add_(1e-3 * torch.arange(24) / 24)  # ones in bfloat16
    alone = igt.plan(model, batch())["2.norm.weight"].initializer
    assert alone is not None
    assert igt.plan(shards(model, mesh, mp_policy=policy), batch())["2.norm.weight"].initializer == alone


@pytest.mark.parametrize(
    "wrap",
    [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal, weight_norm,
     spectral_norm],
)  # fmt: skip
def test_parametrized_weights_in_shards_start_as_whole_ones(mesh: Any, wrap: Any) -> None:
    found = []
    for model in (deep(wrap), shards(deep(wrap), mesh)):
        receipt = igt.init_(model, batch(), 5, loss=loss, keep_healthy=False, rates=False)
        found.append((receipt.left, receipt.plan_hash, whole(model)))
    assert found[0][:2] == found[1][:2]
    assert all(map(torch.equal, found[0][2], found[1][2]))
