"""Losses that nothing can lower: over one class, of a softmax over one number, of spikes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

SAMPLES = 64


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def network(outputs):
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, outputs))


def yes_or_no():
    x = torch.randn(SAMPLES, 10)
    return x, (x[:, 0] > 0).float()


@pytest.mark.parametrize(
    "target",
    [torch.zeros(SAMPLES, dtype=torch.long), (torch.arange(SAMPLES) % 2).float()[:, None]],
    ids=["index", "probability"],
)
def test_cross_entropy_over_one_class(target):
    model, (x, _) = network(1), yes_or_no()
    assert F.cross_entropy(model(x), target).item() == 0
    (found,) = igt.inspect(model, x, lambda logits: F.cross_entropy(logits, target)).findings
    assert (found.code, found.severity) == ("loss-floor", "critical")
    assert "one logit for yes or no takes binary_cross_entropy_with_logits" in found.why


def test_one_class_beside_a_loss_that_teaches():
    """The part that is 0 keeps nothing else from learning."""
    model, (x, y) = network(1), yes_or_no()

    def loss(logits):
        none = F.cross_entropy(logits, torch.zeros(SAMPLES, dtype=torch.long))
        return none + F.binary_cross_entropy_with_logits(logits[:, 0], y)

    found = [one for one in igt.inspect(model, x, loss).findings if one.code == "loss-floor"]
    assert [one.severity for one in found] == ["warning"]


@pytest.mark.parametrize("within", [True, False], ids=["in the loss", "in the model"])
def test_one_share_is_one_finding(within):
    """Neither the loss nor the size of the logits is at fault."""
    model, (x, y) = network(1), yes_or_no()
    model = model if within else nn.Sequential(*model, nn.Softmax(1))
    (found,) = igt.inspect(
        model,
        x,
        lambda o: F.binary_cross_entropy((o.softmax(1) if within else o)[:, 0].clamp(1e-6, 1 - 1e-6), y),
    ).findings
    assert (found.code, found.severity) == ("saturated-units", "critical")
    assert "a softmax of one number is 1" in found.why


class Spike(torch.autograd.Function):
    """A step forward, a bell backward."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return g / (1 + 25 * v.abs()) ** 2


class Spiking(nn.Module):
    """Two layers of leaky neurons over eight steps."""

    def __init__(self, read) -> None:
        super().__init__()
        self.first, self.second, self.read = nn.Linear(10, 64), nn.Linear(64, 4), read

    def forward(self, x):
        hidden, last, total = x.new_zeros(len(x), 64), x.new_zeros(len(x), 4), 0.0
        for _ in range(8):
            hidden = 0.9 * hidden + self.first(x)
            spikes = Spike.apply(hidden - 1)
            hidden, last = hidden - spikes.detach(), 0.9 * last + self.second(spikes)
            out = Spike.apply(last - 1)
            last, total = last - out.detach(), total + out
        return {"last spikes": out, "count": total, "membrane": last}[self.read]


def test_spikes_as_logits():
    x, target = 2 * torch.randn(SAMPLES, 10), torch.arange(SAMPLES) % 4
    (found,) = igt.inspect(Spiking("last spikes"), x, lambda o: F.cross_entropy(o, target)).findings
    assert (found.code, found.severity) == ("loss-floor", "warning")
    assert "a loss of 0.744 or more" in found.measured  # ln(1 + 3 / e)
    assert "the logits are spikes" in found.why


@pytest.mark.parametrize("read", ["count", "membrane"])
def test_counts_and_membranes_as_logits(read):
    x, target = 2 * torch.randn(SAMPLES, 10), torch.arange(SAMPLES) % 4
    assert not igt.inspect(Spiking(read), x, lambda o: F.cross_entropy(o, target)).findings


def test_spikes_held_against_targets_of_0_and_1():
    """A regression of 0 and 1 asks for nothing that they are not."""
    x, target = 2 * torch.randn(SAMPLES, 10), F.one_hot(torch.arange(SAMPLES) % 4).float()
    found = igt.inspect(Spiking("last spikes"), x, lambda o: F.mse_loss(o, target)).findings
    assert "loss-floor" not in {one.code for one in found}
