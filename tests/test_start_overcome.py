"""Alarms about gains, checked by a few steps: notes where the model trains as it is, and nowhere else."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.inspection.inspecting import inspect  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Quiet(nn.Module):
    """A head of four layers at a std of .01, behind a body that is fine (a detector's, in few channels)."""

    def __init__(self, std=0.01) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU())
        self.head = nn.Sequential(
            *(part for _ in range(4) for part in (nn.Conv2d(24, 24, 3, 1, 1), nn.ReLU()))
        )
        self.last = nn.Conv2d(24, 2, 3, 1, 1)
        for layer in (*self.head[::2], self.last):
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        return self.last(self.head(self.body(x)))


def seen():
    inputs = torch.randn(8, 3, 16, 16)
    target = (torch.rand(8, 2, 8, 8) < 0.02).float()
    return inputs, lambda answers: F.binary_cross_entropy_with_logits(answers, target)


def grave(report):
    return [one for one in report.findings if one.severity != "info"]


def steps(model, inputs, loss, count=20):
    """An oracle of its own: what so many steps leave."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    first = float(loss(model(inputs)))
    for _ in range(count):
        optimizer.zero_grad()
        loss(model(inputs)).backward()
        optimizer.step()
    return float(loss(model(inputs))) / first


def deep(width=24):
    layers = [part for _ in range(20) for part in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), *layers, nn.Linear(width, 3))


class TestNotes:
    def test_what_a_few_steps_get_over_is_a_note(self):
        inputs, loss = seen()
        model = Quiet()
        before = [one.detach().clone() for one in model.parameters()]
        statistics = model.body[1].running_mean.clone()
        found = igt.inspect(model, inputs, loss)
        told = [one for one in found.findings if "it trains as it is" in one.remark]
        assert grave(inspect(model, inputs, loss))
        assert not grave(found)
        assert told
        share = int(told[0].remark.split("leave ")[1].split("%")[0]) / 100
        assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
        assert torch.equal(statistics, model.body[1].running_mean)
        assert all(one.grad is None for one in model.parameters())
        assert share == pytest.approx(steps(model, inputs, loss), abs=0.02)

    def test_init_leaves_such_a_start_alone(self):
        inputs, loss = seen()
        assert igt.init_(Quiet(), inputs, loss=loss).left

    def test_the_same_without_a_loss_is_told(self):
        inputs, _ = seen()
        assert grave(igt.inspect(Quiet(), inputs))


class TestAlarms:
    def test_depth_that_no_step_gets_over(self):
        inputs, target = torch.randn(32, 8), torch.arange(32) % 3
        found = igt.inspect(deep(), inputs, lambda answers: F.cross_entropy(answers, target))
        assert found.verdict == "critical"
        assert not any("it trains as it is" in one.remark for one in found.findings)

    def test_a_gradient_of_0_is_never_got_over(self):
        """The loss falls, and a part that fires for no sample stays as it is."""

        class Beside(Quiet):
            def __init__(self) -> None:
                super().__init__(std=0.1)
                self.first, self.second = nn.Conv2d(3, 24, 3, 2, 1), nn.Conv2d(24, 2, 3, 1, 1)
                nn.init.constant_(self.first.bias, -50.0)

            def forward(self, x):
                return super().forward(x) + self.second(torch.relu(self.first(x)))

        inputs, loss = seen()
        assert steps(Beside(), inputs, loss) < 0.4
        assert {one.code for one in grave(igt.inspect(Beside(), inputs, loss))} & {
            "dead-units",
            "vanishing-backward",
        }

    def test_what_is_wrong_beside_gains_keeps_all_of_it(self):
        inputs, loss = seen()
        model = Quiet()
        model.head.insert(0, nn.Dropout(0.95))
        assert any("drops 95%" in one.why for one in grave(igt.inspect(model, inputs, loss)))
