"""What no gain explains is said with the mechanism that was seen: gates, flat units, epsilons, old statistics."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

X, Y = torch.randn(64, 16, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 5


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def causes(model, x=X, loss=lambda o: F.cross_entropy(o, Y)):
    """Code -> why, of what is more than a note."""
    return {one.code: one.why for one in igt.inspect(model, x, loss).findings if one.severity != "info"}


class Reader(nn.Module):
    """The last state of a recurrence over tokens."""

    def __init__(self, cell) -> None:
        super().__init__()
        self.table, self.rnn, self.head = nn.Embedding(20, 16), cell, nn.Linear(32, 5)

    def forward(self, tokens):
        return self.head(self.rnn(self.table(tokens))[0][:, -1])


@pytest.mark.parametrize(("kind", "gate"), [(nn.LSTM, 3), (nn.GRU, 1)], ids=["output gate", "update gate"])
def test_a_gate_that_a_bias_shuts(kind, gate):
    """An output gate that is shut, and an update gate that keeps the first state: no gain makes that."""
    rnn = kind(16, 32, batch_first=True)
    sign = -1 if kind is nn.LSTM else 1
    rnn.bias_hh_l0.data[gate * 32 : gate * 32 + 32] = 20.0 * sign
    found = causes(Reader(rnn), torch.randint(0, 20, (64, 12)))
    assert "vanishing-backward" in found
    for code in found:
        assert not code.startswith("vanishing") or "holds it at one end" in found[code], found


def layers(between):
    members = [part for k in range(4) for part in (nn.Linear(16 if k == 0 else 32, 32), *between())]
    return nn.Sequential(*members, nn.Linear(32, 5))


def test_an_epsilon_that_outweighs_what_norms_read():
    found = causes(layers(lambda: (nn.RMSNorm(32, eps=1e12), nn.SiLU())))
    assert "epsilon outweighs the variance" in found["vanishing-backward"]


def test_flat_units_are_no_matter_of_the_gain():
    model = layers(lambda: (nn.Tanh(),))
    for layer in model[:-1:2]:
        nn.init.xavier_normal_(layer.weight)
        nn.init.constant_(layer.bias, 9.0)
    found = causes(model)
    assert "its bias has mean 9" in found["vanishing-backward"]
    assert "which needs" not in found["vanishing-backward"]


def test_gains_that_do_explain_it_are_still_named():
    """Thirty layers of PyTorch's default gain; and of one of .2 in front of tanh."""
    model = nn.Sequential(
        *[part for _ in range(30) for part in (nn.Linear(16, 16), nn.ReLU())], nn.Linear(16, 5)
    )
    assert (
        "PyTorch's default gain (0.58) in front of relu, which needs 1.41"
        in causes(model)["vanishing-backward"]
    )


def test_answers_that_old_statistics_make_huge():
    """The line that made the head small would hide what is wrong."""
    model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))
    model[1].eval()
    model[1].running_var[:4] = 1e-18
    model[1].eps = 1e-20
    model[1].train(False)
    target = torch.randn(64, 1)
    report = igt.inspect(model.eval(), X, lambda o: F.mse_loss(o, target))
    found = {one.code: one for one in report.findings if one.severity != "info"}
    assert "running variances" in found["initial-loss"].why
    assert "3.weight" not in found["initial-loss"].fix


class Iterated(nn.Module):
    """One map applied forty times and added."""

    def __init__(self, gain) -> None:
        super().__init__()
        self.f, self.head = nn.Sequential(nn.Linear(16, 32), nn.ELU(), nn.Linear(32, 16)), nn.Linear(16, 5)
        for one in (self.f[0], self.f[2]):
            nn.init.xavier_normal_(one.weight, gain)

    def forward(self, x):
        for _ in range(40):
            x = x + 0.1 * self.f(x)
        return self.head(x)


def test_a_loss_that_overflows_by_growth():
    target = torch.randn(64, 5)
    found = causes(Iterated(10.0), loss=lambda o: F.mse_loss(o, target))
    assert found["non-finite"].startswith("signals grow from ")


class Faded(nn.Module):
    """Residual blocks whose skip and branch are multiplied by one factor."""

    def __init__(self, factor) -> None:
        super().__init__()
        self.start, self.head, self.factor = nn.Linear(16, 32), nn.Linear(32, 5), factor
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)) for _ in range(12)
        )

    def forward(self, x):
        x = self.start(x)
        for block in self.blocks:
            x = self.factor * x + self.factor * block(x)
        return self.head(x)


def test_factors_in_front_of_sums_are_named():
    assert "factors of 0.1 stand in front of 12 sums" in causes(Faded(0.1))["vanishing-backward"]
    assert not [why for why in causes(Faded(0.7)).values() if "stand in front of" in why]


def test_a_recurrence_without_weights_in_front_of_it_is_judged():
    """Raw sales into a recurrent layer: there is no layer to blame, and no error."""
    torch.manual_seed(0)

    class Sales(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read, self.head = nn.LSTM(1, 32, batch_first=True), nn.Linear(32, 1)

        def forward(self, x):
            return self.head(self.read(x)[0][:, -1])

    x = 1e5 + 5e4 * torch.randn(64, 12, 1)
    report = igt.inspect(Sales(), x, lambda o: F.mse_loss(o, x[:, -1] / 1e5))
    assert report.verdict == "critical"
    assert report.findings[0].fix.startswith("inputs = ")


def test_a_cause_is_said_once(tmp_path):
    rnn = nn.LSTM(16, 32, batch_first=True)
    rnn.bias_hh_l0.data[96:] = -20.0
    report = igt.inspect(Reader(rnn), torch.randint(0, 20, (64, 12)), lambda o: F.cross_entropy(o, Y))
    first, *others = report.findings
    same = [one for one in others if one.why == first.why]
    assert same
    report.to_html(tmp_path / "page.html")
    for said in (str(report), (tmp_path / "page.html").read_text(encoding="utf-8")):
        assert said.count(f"he cause is that of {first.key}") == len(same)


class Stacked(nn.Module):
    """Layers in one tensor, as a scan has them."""

    def __init__(self, quiet) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(6, 16, 16) * (2 / 16) ** 0.5)
        with torch.no_grad():
            self.weights[[0, 4]] *= quiet
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        for weight in self.weights:
            x = F.relu(x @ weight)
        return self.head(x)


def test_slices_that_a_loop_passed_over_are_the_cause():
    assert "a loop over slices" in causes(Stacked(1e-6))["vanishing-forward"]
    assert "vanishing-forward" not in causes(Stacked(1.0))
