"""Answers that depend on the samples beside: told where they do, and nowhere else."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

SAMPLES, STEPS, WIDTH = 24, 10, 6


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def told(model, inputs=None):
    target = torch.arange(SAMPLES) % 4
    inputs = torch.randn(SAMPLES, STEPS, WIDTH) if inputs is None else inputs
    report = igt.inspect(model, inputs, lambda answers: F.cross_entropy(answers, target))
    return [one for one in report.findings if one.severity != "info"]


class Regrouped(nn.Module):
    """Steps come first, and samples are to come first, in front of a recurrence or behind it."""

    def __init__(self, before, after) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.cell, self.head = nn.GRU(WIDTH, 16), nn.Linear(16 * STEPS, 4)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.head(self.drop(self.after(self.cell(self.before(x))[0])))


def turned(x):
    return x.transpose(0, 1)


def flat(x):
    return x.transpose(0, 1).flatten(1)


def regrouped(x):
    return x.reshape(SAMPLES if x.shape[1] == SAMPLES else x.shape[1], -1)


def test_samples_that_a_view_mixes_are_told_with_the_view():
    model = Regrouped(turned, regrouped)
    (found,) = told(model)
    assert (found.code, found.severity) == ("constant-output", "warning")
    assert "reshape" in found.path
    assert "takes 10 x 24 x 16 numbers for 24 x 160" in found.why
    assert "use transpose or permute" in found.why


def test_a_view_in_front_of_the_recurrence_is_told_too():
    model = Regrouped(lambda x: x.reshape(x.shape[1], x.shape[0], -1), flat)
    (found,) = told(model)
    assert (found.code, "takes 24 x 10 x 6 numbers for 10 x 24 x 6" in found.why) == ("constant-output", True)


def test_axes_that_are_turned_are_fine_and_modes_stay():
    model = Regrouped(turned, flat)
    model.cell.eval()
    assert not told(model)
    assert model.training
    assert not model.cell.training


class Kernels(nn.Module):
    """Branches that are weighed by shares, stacked in front of the samples."""

    def __init__(self, axis) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(1, 12, k, 2, k // 2) for k in (1, 3, 5))
        self.squeeze = nn.Linear(12, 6)
        self.shares = nn.ModuleList(nn.Linear(6, 12) for _ in range(3))
        self.axis, self.head = axis, nn.Linear(12, 4)

    def forward(self, x):
        made = torch.stack([branch(x) for branch in self.branches])
        summary = self.squeeze(made.sum(0).mean((2, 3)))
        logits = torch.stack([share(summary)[..., None, None] for share in self.shares])
        return self.head((logits.softmax(self.axis) * made).sum(0).mean((2, 3)))


def test_shares_over_samples_behind_a_stack_are_told():
    (found,) = told(Kernels(1), torch.randn(SAMPLES, 1, 8, 8))
    assert (found.code, found.path) == ("constant-output", "(softmax 15)")
    assert "holds the 24 samples" in found.why
    assert not told(Kernels(0), torch.randn(SAMPLES, 1, 8, 8))


class Attending(nn.Module):
    """As many positions as there are samples: an axis of that length is no proof."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attend = nn.Linear(WIDTH, 16), nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x):
        x = self.embed(x)
        return self.head(self.attend(x, x, x)[0].mean(1))


def test_as_many_positions_as_samples_are_no_finding():
    assert not told(Attending(), torch.randn(SAMPLES, SAMPLES, WIDTH))


class Noisy(Regrouped):
    """Answers that a draw changes, whoever is beside."""

    def forward(self, x):
        return super().forward(x + torch.randn_like(x))


def test_answers_that_a_draw_changes_say_nothing():
    assert not [one for one in told(Noisy(turned, regrouped)) if "standard deviations off" in one.measured]


class Merging(Regrouped):
    """Merges weights where it is put into evaluation mode, as some adapters do."""

    def train(self, mode=True):
        if not mode:
            with torch.no_grad():
                self.head.weight.mul_(2)
        return super().train(mode)


def test_what_a_model_does_when_it_is_put_into_evaluation_mode_is_not_done():
    model = Merging(turned, regrouped)
    before = model.head.weight.detach().clone()
    assert told(model)
    assert torch.equal(model.head.weight, before)
