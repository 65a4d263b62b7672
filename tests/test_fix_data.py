"""Lines about the batch and the loss run as they are printed, whatever form both were given in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.inspect.fixes import RESTART  # noqa: E402
from isogain.torch.call.losses import bound_loss  # noqa: E402
from isogain.torch.mending import carrying  # noqa: E402
from told import told  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_lines_about_targets_fit_the_inputs_they_came_in():
    model, x = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)), torch.randn(64, 4)
    y = 5000 + 900 * x[:, :1]
    line = told(model, (x, y), "mse")["initial-loss"].fix
    scope = {"inputs": (x, y)}
    exec(line, scope)
    assert float(scope["inputs"][1].std()) == pytest.approx(1, rel=0.02)
    batch = {"input": x, "labels": y}
    scope = {"inputs": batch}
    exec(told(model, batch, "mse")["initial-loss"].fix, scope)
    assert float(scope["inputs"]["labels"].mean()) == pytest.approx(0, abs=1e-3)
    assert scope["inputs"]["input"] is x is batch["input"]
    assert batch["labels"] is y


def test_targets_that_only_the_loss_knows_are_met_by_answers_on_their_scale():
    model, x = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)), torch.randn(64, 4)
    y = 5000 + 900 * x[:, :1]
    scope = {"loss": lambda output: F.mse_loss(output, y)}
    exec(told(model, x, scope["loss"])["initial-loss"].fix, scope)
    exact = (y - y.mean()) / y.std(unbiased=False)
    assert float(scope["loss"](exact)) < 1e-6 * float(y.var())
    assert "initial-loss" not in told(model, x, scope["loss"])


def test_no_line_that_a_loss_of_several_answers_could_not_bear():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 1)

        def forward(self, x):
            return self.body(x), x

    x = torch.randn(64, 4)
    y = 5000 + 900 * x[:, :1]
    finding = told(Two(), x, lambda output: F.mse_loss(output[0], y))["initial-loss"]
    assert not finding.fix
    assert finding.remark
    assert "standardise the targets" in finding.why


def test_a_start_anew_is_tried_with_the_loss_that_is_printed(monkeypatch):
    given = []
    monkeypatch.setattr(carrying, "init_", lambda model, inputs, loss=None: given.append(loss))
    model, (x, y) = nn.Linear(4, 3), (torch.randn(9, 4), torch.arange(9) % 3)
    for loss in (bound_loss("cross_entropy", y), lambda output: output.sum()):
        carrying.carried_out(RESTART, model, x, loss)
    assert given[0] is not None
    assert given[1] is None  # as the line says


@pytest.mark.parametrize("named", [True, False])
def test_a_start_anew_is_given_the_loss_that_inputs_hold_the_targets_of(named):
    layers = [part for _ in range(30) for part in (nn.Linear(32, 32, bias=False), nn.ReLU())]
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=0.03)
    model = nn.Sequential(*layers, nn.Linear(32, 3))
    batch = torch.randn(48, 32), torch.arange(48) % 3
    loss, said = ("cross_entropy", "'cross_entropy'") if named else (F.cross_entropy, "loss")
    line = next(one.fix for one in told(model, batch, loss).values() if "init_" in one.fix)
    assert line == f"igt.init_(model, inputs, loss={said})"
    scope = {"igt": igt, "model": model, "inputs": batch} | ({} if named else {"loss": loss})
    exec(line, scope)
    assert not told(model, batch, loss)


def test_no_line_about_a_loss_that_the_model_holds_itself():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 1)

        def forward(self, x):
            return SimpleNamespace(loss=F.mse_loss(self.body(x), 5000 + 900 * x[:, :1]))

    finding = told(Own(), torch.randn(64, 4))["initial-loss"]
    assert not finding.fix
    assert finding.remark


def test_no_line_about_targets_that_a_loader_holds():
    x = torch.randn(64, 4)
    loader = DataLoader(TensorDataset(x, 5000 + 900 * x[:, :1]), batch_size=64)
    finding = told(nn.Linear(4, 1), loader, "mse")["initial-loss"]
    assert not finding.fix
    assert finding.remark


def test_mistakes_made_at_once_are_mended_line_by_line():
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    table = 255 * torch.rand(64, 8)
    scope = {"inputs": (table, 5000 + 900 * (table[:, :1] / 80 - 1.5))}
    found = told(model, scope["inputs"], "mse")
    inputs, targets = found["exploding-forward"], found["initial-loss"]
    assert targets.remark == f"after that of {inputs.key}"
    assert f"note      {targets.remark}" in str(igt.inspect(model, scope["inputs"], "mse"))
    exec(inputs.fix, scope)
    assert "initial-loss" in told(model, scope["inputs"], "mse")
    exec(targets.fix, scope)
    assert not told(model, scope["inputs"], "mse")
