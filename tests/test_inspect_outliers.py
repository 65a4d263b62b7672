"""Single weights far beyond all others: told where chance put them, not where a diagonal stands."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


def turned_around(weight: torch.Tensor, std: float = 0.02, bound: float = 2.0) -> None:
    """A normal law by erfinv of a uniform number in the weight's own type, cut at the bounds."""
    weight.uniform_(-1, 1).erfinv_().mul_(std * 2**0.5).clamp_(-bound, bound)


def model(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.LayerNorm(96),
        nn.Linear(96, 192),
        nn.GELU(),
        nn.Linear(192, 96),
        nn.LayerNorm(96),
        nn.Linear(96, 5),
    )
    with torch.no_grad():
        for layer in made:
            if isinstance(layer, nn.Linear):
                weight = layer.weight.to(dtype)
                turned_around(weight)
                layer.weight.copy_(weight)
                nn.init.zeros_(layer.bias)
    return made


def looked(made: nn.Module) -> igt.Report:
    x, y = torch.randn(64, 96), torch.arange(64) % 5
    return igt.inspect(made, x, lambda out: F.cross_entropy(out, y))


def outlying(report: igt.Report) -> list[igt.Finding]:
    return [one for one in report.findings if one.code == "off-peers"]


def test_bounds_that_stand_in_for_infinities_are_found_and_dropped():
    made = model(torch.bfloat16)
    largest = [int((layer.weight == -2).sum()) for layer in (made[1], made[3])]
    assert min(largest) > 5
    (found,) = outlying(looked(made))
    assert {"1.weight", "3.weight"} <= set(found.paths)
    assert "100 standard deviations" in found.measured or "10" in found.measured
    assert "half precision" in found.why
    kept = made[1].weight.detach().clone()
    exec(found.fix, {"model": made, "torch": torch, "igt": igt})
    assert (made[1].weight[kept == -2] == 0).all()
    assert torch.equal(made[1].weight[kept != -2], kept[kept != -2])
    assert not outlying(looked(made))


def test_the_same_law_in_single_precision_is_healthy():
    assert not looked(model()).findings


@pytest.mark.parametrize("kind", ["diagonal", "columns", "different", "signs", "sparse"])
def test_what_lies_out_on_purpose_is_left_alone(kind: str):
    made = model()
    with torch.no_grad():
        weight = made[3].weight
        if kind == "diagonal":  # one in each row: a map that hands on what it gets
            weight.mul_(0.05).diagonal().fill_(1.0)
        elif kind == "columns":  # a signal of its own for each row
            weight[torch.arange(96), torch.randperm(192)[:96]] = 2.0
        elif kind == "different":  # as training leaves them: large, but no two alike
            weight[torch.rand_like(weight) < 0.002] *= 60
        elif kind == "signs":
            weight.sign_()
        else:
            nn.init.sparse_(weight, 0.9)
    assert not outlying(looked(made))
