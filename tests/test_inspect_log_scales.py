"""initial-loss at a parameter that e is raised to: a policy's or a likelihood's scale, far from the data's."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Policy(nn.Module):
    """A mean of the inputs' and a scale of its own for each action."""

    def __init__(self, start: float, actions: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, actions))
        self.log_std = nn.Parameter(torch.full((actions,), start))

    def forward(self, x: Tensor) -> torch.distributions.Normal:
        return torch.distributions.Normal(self.body(x), self.log_std.exp())


X, Y = (torch.randn(256, width, generator=torch.Generator().manual_seed(5)) for width in (8, 2))


def loss(answer: torch.distributions.Normal) -> Tensor:
    return -answer.log_prob(Y).sum(1).mean()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("start", "severity"), [(8.0, "warning"), (-4.0, "critical")])
def test_a_scale_far_from_the_data_is_named_and_brought_to_1(start: float, severity: str) -> None:
    model = Policy(start)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = igt.inspect(model, X, loss).findings
    assert [(one.code, one.severity, one.paths) for one in found] == [
        ("initial-loss", severity, ("log_std",))
    ]
    assert f"{math.exp(start):.3g}" in found[0].why
    # the same network, told by hand that its scale is 1
    at_zero = float(torch.distributions.Normal(model.body(X), 1.0).log_prob(Y).detach().sum(1).mean())
    assert found[0].expected.startswith(f"{-at_zero:.3g}")
    assert "log_std" in found[0].fix
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    exec(found[0].fix, {"torch": torch, "model": model})
    assert float(model.log_std.abs().max()) == 0
    assert igt.inspect(model, X, loss).verdict == "healthy"


@pytest.mark.parametrize("start", [0.0, -1.0, 1.5])
def test_usual_scales_are_none(start: float) -> None:
    assert igt.inspect(Policy(start), X, loss).verdict == "healthy"


def test_a_small_scale_that_the_data_have_is_none() -> None:
    """Actions that the policy itself took: their likelihood would fall with a scale of 1."""
    model = Policy(-4.0)
    taken = model(X).sample()
    report = igt.inspect(model, X, lambda answer: -answer.log_prob(taken).sum(1).mean())
    assert not [one for one in report.findings if "log_std" in one.paths]


def test_a_frozen_scale_is_a_choice() -> None:
    model = Policy(8.0)
    model.log_std.requires_grad_(False)
    assert not [one for one in igt.inspect(model, X, loss).findings if "log_std" in one.paths]


def test_beside_a_loss_that_is_known() -> None:
    """An actor and a critic in one loss: the critic's squares are known, the actor's likelihood is not."""

    class Both(Policy):
        def __init__(self) -> None:
            super().__init__(-4.0)
            self.value = nn.Linear(8, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            return super().forward(x).log_prob(Y).sum(1), self.value(x)

    returns = torch.randn(256, 1)
    report = igt.inspect(Both(), X, lambda o: nn.functional.mse_loss(o[1], returns) - o[0].mean())
    assert ("initial-loss", ("log_std",)) in [(one.code, one.paths) for one in report.findings]


def test_a_scale_that_is_a_small_part_of_the_loss_is_none() -> None:
    """15 of 115: the rest of the loss is elsewhere."""
    report = igt.inspect(Policy(8.0), X, lambda answer: 100 + loss(answer))
    assert not [one for one in report.findings if "log_std" in one.paths]


def test_the_page_says_what_the_loss_is_held_against_and_leaves_names_as_they_are(tmp_path) -> None:
    page = igt.inspect(Policy(-4.0), X, loss).to_html(tmp_path / "start.html").read_text()
    assert "with log_std at 0 = " in page
    assert "variance of the targets" not in page
    assert '<p class="why">log_std starts at -4' in page
    assert "Log_std" not in page


def loud(report):
    return [one for one in report.findings if one.severity != "info"]


class Density(nn.Module):
    """An autoregressive normal: the second number's mean is a network of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        apart = torch.stack([x[:, 0], x[:, 1] - self.mean(x[:, :1])[:, 0]], 1)
        return -0.5 * apart.square().sum(1) - math.log(2 * math.pi)


def test_loud_weights_under_a_loss_of_ones_own_are_told():
    torch.manual_seed(0)
    model, x = Density(), torch.randn(256, 2)
    assert not loud(igt.inspect(model, x, lambda made: -made.mean()))
    with torch.no_grad():
        model.mean[2].weight.mul_(40)
    (found,) = loud(igt.inspect(model, x, lambda made: -made.mean()))
    assert (found.code, found.path) == ("initial-loss", "mean.2.weight")
    assert found.why.startswith("mean.2.weight has a gain of up to ")
    exec(found.fix, {"torch": torch, "igt": igt, "model": model})
    report = igt.inspect(model, x, lambda made: -made.mean())
    assert not loud(report)
    assert report.table.loss_value < 10
