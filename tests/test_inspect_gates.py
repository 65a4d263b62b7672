"""Gates of fused recurrent layers: worked out again, against a loop over steps."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from corpus import closer  # noqa: E402
from isogain.inspect.looks import Gates  # noqa: E402
from isogain.torch.measure.gates import _layers  # noqa: E402


def gates_of(model, x):
    return [one.seen for one in igt.inspect(model, x).table.looks if isinstance(one.seen, Gates)]


class Last(nn.Module):
    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x):
        return self.rnn(x)[0][:, -1]


def test_lstm_gates_are_those_of_its_equations():
    torch.manual_seed(0)
    rnn = nn.LSTM(5, 7, batch_first=True)
    for p in rnn.parameters():
        p.data *= 3
    x = torch.randn(3, 6, 5)
    (seen,) = gates_of(Last(rnn), x)
    w, u, b = rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0 + rnn.bias_hh_l0
    h = c = torch.zeros(3, 7)
    received = []
    for t in range(6):
        z = x[:, t] @ w.T + h @ u.T + b
        received.append(z)
        i, f, g, o = z.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    z = torch.stack(received).flatten(0, 1).chunk(4, -1)
    assert seen.letters == "ifgo"
    assert seen.size == pytest.approx([float(one.square().mean().sqrt()) for one in z], rel=1e-4)


def test_gru_gates_are_those_of_its_equations():
    torch.manual_seed(1)
    rnn = nn.GRU(5, 7, batch_first=True, bidirectional=True)
    x = torch.randn(3, 6, 5)
    flat = [p.detach() for p in rnn._flat_weights]
    both = list(_layers("gru", (x, None, flat, True, 1, 0.0, False, True, True)))
    for way, received in enumerate(both):
        w, u, b, d = flat[4 * way : 4 * way + 4]
        h, seen = torch.zeros(3, 7), []
        for t in range(6) if way == 0 else range(5, -1, -1):
            a, e = (x[:, t] @ w.T + b).chunk(3, -1), (h @ u.T + d).chunk(3, -1)
            r, z = (a[0] + e[0]).sigmoid(), (a[1] + e[1]).sigmoid()
            n = a[2] + r * e[2]
            seen.append(n)
            h = (1 - z) * n.tanh() + z * h
        assert torch.allclose(received[2], torch.stack(seen).flatten(0, 1), atol=1e-5)


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_an_offset_is_chosen_a_spread_is_not(cell):
    torch.manual_seed(2)
    held, loud = closer.Recurrent(cell), closer.Recurrent(cell, 8.0)
    if cell != "RNN":
        held.rnn.bias_ih_l0.data[:32] = 9.0
    codes = [{f.code for f in igt.inspect(*closer.sequences(m)).findings} for m in (held, loud)]
    assert "saturated-units" not in codes[0]
    assert "saturated-units" in codes[1]


def test_the_flat_share_of_a_normal():
    # |z| > 2.09 for tanh and 4.19 for a sigmoid: where 1 / cosh^2 is .06
    torch.manual_seed(3)
    rnn = nn.RNN(400, 50, batch_first=True)
    nn.init.normal_(rnn.weight_ih_l0, 0, 400**-0.5)
    for p in (rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0):
        nn.init.zeros_(p)
    (seen,) = gates_of(Last(rnn), torch.randn(4, 64, 400))
    share = math.erfc(math.acosh(0.06**-0.5) / 2**0.5)
    assert seen.expected[0] == pytest.approx(share)
    assert seen.flat[0] == pytest.approx(share, abs=5 * (share / 12800) ** 0.5)


@pytest.mark.parametrize("bias", [1.0, 5.0, 30.0])
def test_a_forget_gate_that_no_step_moves(bias):
    torch.manual_seed(0)

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.answer = torch.nn.LSTM(2, 32, batch_first=True), torch.nn.Linear(32, 2)
            with torch.no_grad():
                self.read.bias_hh_l0.zero_()
                self.read.bias_ih_l0[32:64] = bias

        def forward(self, x):
            return self.answer(self.read(x)[0][:, -1])

    batch = torch.randn(64, 30, 2), torch.arange(64) % 2
    found = [one for one in igt.inspect(Reader(), batch, "cross_entropy").findings if one.severity != "info"]
    assert [one.code for one in found] == ["saturated-units"] * (bias > 12)


class Highway(nn.Module):
    """Layers that a gate lets in, with a bias of its own."""

    def __init__(self, bias) -> None:
        super().__init__()
        self.start, self.head = nn.Linear(8, 32), nn.Linear(32, 4)
        self.gates = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(3))
        for gate in self.gates:
            nn.init.constant_(gate.bias, bias)

    def forward(self, x):
        x = self.start(x)
        for gate, layer in zip(self.gates, self.layers, strict=True):
            share = gate(x).sigmoid()
            x = share * layer(x).relu() + (1 - share) * x
        return self.head(x)


@pytest.mark.parametrize(("bias", "said"), [(-14.0, True), (14.0, True), (-3.0, False), (-1.0, False)])
def test_gates_that_are_written_out_and_jammed_by_a_bias(bias, said):
    torch.manual_seed(0)
    model, x, y = Highway(bias), torch.randn(64, 8), torch.arange(64) % 4
    loss = nn.CrossEntropyLoss()
    found = [one for one in igt.inspect(model, x, lambda o: loss(o, y)).findings if "holds a gate" in one.why]
    assert [one.path for one in found] == ["gates.*"] * said
    if bias == -14.0:  # an open end lets all through, and is no worse
        exec(found[0].fix, {"torch": torch, "model": model})
        assert all(bool((gate.bias == -2).all()) for gate in model.gates)
        assert not [
            one for one in igt.inspect(model, x, lambda o: loss(o, y)).findings if one.severity != "info"
        ]
