"""What was not judged is named: all checks run is said only where they were."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


def skipped(model, inputs):
    return " | ".join(igt.inspect(model, inputs).coverage.skipped)


def test_constant_inputs_and_ordinary_models():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    assert "all samples" in skipped(model, torch.ones(4, 8))
    assert "all samples" not in skipped(model, torch.randn(4, 8))
    report = igt.inspect(model, torch.randn(4, 8), lambda out: F.mse_loss(out, torch.randn(4, 3)))
    assert report.coverage.skipped == ()


def test_packed_sequences_are_not_judged():
    rnn = nn.LSTM(4, 6)
    packed = nn.utils.rnn.pack_sequence([torch.randn(3, 4), torch.randn(2, 4)])

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = rnn

        def forward(self, x):
            return self.rnn(nn.utils.rnn.pack_sequence([x[0], x[1][:2]]))[0].data

    assert packed.data.shape == (5, 4)
    assert "gates inside fused recurrent layers: rnn" in skipped(Net(), torch.randn(2, 3, 4))


def test_codebooks_are_named():
    class Quantiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.into, self.codes = nn.Linear(8, 8), nn.Parameter(torch.randn(16, 8))

        def forward(self, x):
            z = self.into(x)
            return z + (self.codes[torch.cdist(z, self.codes).argmin(-1)] - z).detach()

    assert "codebooks" in skipped(Quantiser(), torch.randn(4, 8))


def test_quantised_weights_are_named():
    class Eight(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("codes", torch.randint(-128, 127, (8, 8), dtype=torch.int8))
            self.scale = nn.Parameter(torch.full((8,), 0.01))

        def forward(self, x):
            return x @ (self.codes.float() * self.scale)

    assert "quantised weights: codes" in skipped(Eight(), torch.randn(4, 8))


def test_time_scales_that_were_not_followed_are_named():
    class Decay(nn.Module):
        def __init__(self):
            super().__init__()
            self.log, self.out = nn.Parameter(torch.linspace(-3, -1, 8)), nn.Linear(8, 3)

        def forward(self, x):
            h, keep = torch.zeros_like(x[:, 0]), torch.exp(self.log)
            for step in x.unbind(1):
                h = keep * h + step
            return self.out(h)

    assert "time scales of log" in skipped(Decay(), torch.randn(4, 6, 8))
