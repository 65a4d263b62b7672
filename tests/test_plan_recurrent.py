"""Starts of recurrent cells: how long they remember, what they add up, held against runs of torch's own cells."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.theory.plain_cell import PlainCell  # noqa: E402

pytestmark = pytest.mark.usefixtures("seed_0_in_one_thread")


def kept_in_one_step(cell):
    """The share of every unit's state that is left after a step in which nothing else happens."""
    with torch.no_grad():
        cell.weight_ih_l0.zero_()
        cell.weight_hh_l0.zero_()
        start = torch.full((1, 1, cell.hidden_size), 1e-3)
        state = (torch.zeros_like(start), start) if isinstance(cell, nn.LSTM) else start
        after = cell(torch.zeros(1, 1, cell.input_size), state)[1]
        return (after[1] if isinstance(cell, nn.LSTM) else after).flatten() / 1e-3


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("steps", [200, 12])
def test_gated_units_remember_2_steps_to_the_whole_sequence_in_every_octave_as_many(kind, steps):
    """A state that is left to itself shrinks by 1 - 1/t in a step; ln (t - 1) is even from 0 to ln(steps - 1)."""
    cell = kind(3, 250)
    igt.init_(cell, torch.randn(steps, 2, 3), seed=4)
    memory = 1 / (1 - kept_in_one_step(cell).double())
    share = (memory - 1).log() / math.log(steps - 1)
    assert float(share.min()) == pytest.approx(0, abs=0.03)
    assert float(share.max()) == pytest.approx(1, abs=0.03)
    assert float(share.mean()) == pytest.approx(0.5, abs=5 / (12 * 250) ** 0.5)
    assert float(share.var()) == pytest.approx(1 / 12, abs=5 / (180 * 250) ** 0.5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_first_step_of_two_hundred_is_felt_at_the_last(kind):
    """A forget bias of 1 leaves sigma(1)^200 = 1e-27 of it, torch's own start less still."""
    cell, x = kind(4, 128, batch_first=True), 0.1 * torch.randn(8, 200, 4)

    def felt():
        given = x.clone().requires_grad_()
        last = cell(given)[0][:, -1]
        (back,) = torch.autograd.grad((last * torch.randn(last.shape)).sum(), given)
        size = back.square().mean((0, 2)).sqrt()
        return float(size[0] / size[-1])

    own = felt()
    igt.init_(cell, x, seed=0)
    # of one step 1/t comes in and (1 - 1/t)^200 of it stays: the mean over octaves, before feedback
    t = 1 + torch.linspace(0, math.log(199), 1000).exp()
    expected = float(((1 - 1 / t) ** 199 / t).square().mean().sqrt() / (1 / t).square().mean().sqrt())
    assert own < 1e-12
    assert expected / 3 < felt() < expected * 3


def test_what_an_lstm_holds_is_the_mean_of_what_it_read():
    """The same input again and again: the state goes to that mean, within 1 whatever the memory."""
    cell = nn.LSTM(8, 256)
    igt.init_(cell, torch.randn(300, 4, 8), seed=2)
    with torch.no_grad():
        cell.weight_hh_l0.zero_()
        cell.weight_ih_l0.view(4, 256, 8)[:2].zero_()
        state = cell(torch.randn(1, 4, 8).expand(3000, 4, 8))[1][1]
        (_, held) = cell(torch.zeros(1, 4, 8))[1]
    assert float(state.abs().max()) < 1
    assert 0.5 < float(state.square().mean().sqrt()) < 0.75, "tanh of a normal number: 0.63"
    assert not held.any()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_every_layer_and_direction_has_its_own_memories(kind):
    cell = getattr(nn, kind)(3, 64, 2, bidirectional=True, **({"proj_size": 5} if kind == "LSTM" else {}))
    receipt = igt.init_(cell, torch.randn(40, 2, 3))
    names = [f"bias_ih_l{layer}{way}" for layer in (0, 1) for way in ("", "_reverse")]
    gates = "ifgo" if kind == "LSTM" else "rzn"
    for name in names:
        assert receipt.plan[name].initializer == ig.get("chrono", horizon=40, gates=gates, spread="log")
        assert not getattr(cell, name.replace("ih", "hh")).any()
    parts = [getattr(cell, name).detach().view(len(gates), 64)[1] for name in names]
    assert len({tuple(part.tolist()) for part in parts}) == 4
    assert igt.Plan.from_json(receipt.plan.to_json()) == receipt.plan


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_cell_called_in_a_loop_is_planned_as_the_whole_layer(kind):
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = getattr(nn, f"{kind}Cell")(3, 16)

        def forward(self, x):
            state = None
            for step in x.unbind(0):
                state = self.cell(step, state)
            return state

    x = torch.randn(30, 2, 3)
    loop, whole = igt.plan(Loop(), x), igt.plan(getattr(nn, kind)(3, 16), x)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        assert loop[f"cell.{name}"].initializer == whole[f"{name}_l0"].initializer


def test_sequences_that_do_not_follow_one_another_are_no_longer_memory():
    class Siamese(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRU(3, 16, batch_first=True)

        def forward(self, x, y):
            return (self.cell(x)[0] * self.cell(y)[0]).sum(-1)

    plan = igt.plan(Siamese(), (torch.randn(2, 25, 3), torch.randn(2, 25, 3)))
    assert plan["cell.bias_ih_l0"].initializer.horizon == 25


@pytest.mark.parametrize("inputs", [None, torch.randn(3, 2, 4), torch.randn(1, 2, 4)])
def test_short_or_unknown_sequences_have_a_forget_bias_of_1(inputs):
    plan = igt.plan(nn.LSTM(4, 8), inputs)
    assert plan["bias_ih_l0"].initializer == ig.get("gate_bias")
    assert igt.plan(nn.GRU(4, 8), inputs)["bias_ih_l0"].initializer == ig.get("zeros")


def test_a_guessed_sequence_is_of_unknown_length():
    gated, plain = igt.plan(nn.LSTM(4, 8, batch_first=True)), igt.plan(nn.RNN(4, 8, batch_first=True))
    assert gated["bias_ih_l0"].initializer == ig.get("gate_bias")
    assert plain["weight_ih_l0"].initializer == ig.VarianceScaling(1.0)


LOUD = 1.460415
"""s T: the maximum over u = sqrt 2 s T of u / sqrt(cosh u), found by bisection of u tanh u = 2."""


@pytest.mark.parametrize("form", ["time first", "batch first", "packed", "unbatched"])
def test_the_steps_of_a_sequence_are_counted_however_it_is_given(form):
    """Small inputs, on which tanh is the identity: the last state is a sum over all steps."""
    model = nn.RNN(8, 256, batch_first=form == "batch first")
    inputs = 0.01 * torch.randn(50, 1 if form == "unbatched" else 40, 8)
    given = {
        "time first": inputs, "batch first": inputs.transpose(0, 1), "unbatched": inputs[:, 0],
        "packed": nn.utils.rnn.pack_padded_sequence(inputs, [50] * inputs.shape[1]),
    }[form]  # fmt: skip
    receipt = igt.init_(model, given, seed=1)
    drawn = receipt.plan["weight_ih_l0"].initializer.law((256, 8), layout="out in")
    assert drawn.std == pytest.approx(LOUD / (50 * 8**0.5), rel=1e-6), "50 steps of 8 inputs"
    last = model(given)[1].detach()
    numbers = inputs.shape[1] * 8  # degrees of freedom that the inputs' weights see at every step
    spread = (2 / (50 * numbers)) ** 0.5 + (2 / (256 * 8)) ** 0.5
    assert float(last.square().mean().sqrt()) == pytest.approx(0.01 * LOUD / 50**0.5, rel=5 * spread / 2)


def first_and_last(scale, steps, layers=1):
    """The last state's gradient with respect to the first and the last input, and its own size."""
    cell = nn.RNN(16, 128, layers)
    igt.init_(cell, torch.randn(steps, 2, 16), seed=steps)
    with torch.no_grad():
        cell.weight_ih_l0.mul_(scale)
    x = torch.randn(steps, 32, 16, requires_grad=True)
    last = cell(x)[0][-1]
    (back,) = torch.autograd.grad((last * torch.randn(last.shape)).sum(), x)
    first, final = back[[0, -1]].square().mean((1, 2)).sqrt().tolist()
    return first, first / final, float(last.detach().square().mean().sqrt())


@pytest.mark.parametrize("steps", [20, 100, 400])
def test_no_other_loudness_lets_the_first_step_be_felt_more_at_the_last(steps):
    """Louder inputs saturate the state, softer ones are soft."""
    felt, kept, size = first_and_last(1.0, steps)
    assert felt > max(first_and_last(factor, steps)[0] for factor in (1 / 3, 3))
    assert kept == pytest.approx(PlainCell(steps).kept, rel=0.3)
    assert size == pytest.approx(steps**-0.5, rel=0.1)


def test_a_cell_above_another_is_as_loud():
    """Its inputs are states of size (T / .69)^(-1/2), not of size 1: without that it would be T^(1/2) softer."""
    assert first_and_last(1.0, 100, layers=2)[2] == pytest.approx(0.1, rel=0.4)
    low = nn.RNN(16, 128)
    igt.init_(low, torch.randn(100, 32, 16), seed=0)
    states = low(torch.randn(100, 32, 16))[0].detach()
    assert float(states.square().mean()) == pytest.approx(PlainCell(100).state, rel=0.15)


class ByHand(nn.Module):
    """h = tanh(W x + V h), in one of the ways that people write it."""

    def __init__(self, way):
        super().__init__()
        self.way, self.read, self.keep = way, nn.Linear(4, 16), nn.Linear(16, 16)

    def forward(self, x):
        ahead = self.read(x) if self.way == "read ahead" else None
        state = None if self.way == "no first state" else x.new_zeros(len(x), 16)
        for step in range(x.shape[1]):
            read = self.read(x[:, step]) if ahead is None else ahead[:, step]
            state = self.step(read, state)
        return state

    def step(self, read, state):
        if state is None:
            return torch.tanh(read)
        if self.way == "leaky":
            return 0.9 * state + 0.1 * torch.tanh(read + self.keep(state))
        if self.way == "turned":
            return torch.tanh(state @ self.keep.weight.T + read + self.keep.bias)
        return torch.tanh(read + self.keep(state))


@pytest.mark.parametrize("way", ["plain", "read ahead", "no first state", "turned"])
def test_a_plain_cell_written_by_hand_has_the_laws_of_torchs(way):
    x = torch.randn(8, 50, 4)
    by_hand, torchs = igt.plan(ByHand(way), x), igt.plan(nn.RNN(4, 16, batch_first=True), x)
    assert by_hand["read.weight"].initializer == torchs["weight_ih_l0"].initializer
    assert by_hand["keep.weight"].initializer == torchs["weight_hh_l0"].initializer


def test_a_state_that_is_forgotten_as_it_goes_reads_at_full_size():
    plan = igt.plan(ByHand("leaky"), torch.randn(8, 50, 4))
    assert plan["read.weight"].initializer == ig.VarianceScaling(1.0)


def test_layers_of_plain_cells_each_read_what_is_below():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Linear(n, 16) for n in (4, 16, 16, 16))

        def forward(self, x):
            low = high = x.new_zeros(len(x), 16)
            for step in x.unbind(1):
                low = torch.tanh(self.a(step) + self.b(low))
                high = torch.tanh(self.c(low) + self.d(high))
            return high

    plan = igt.plan(Stack(), torch.randn(8, 50, 4))
    torchs = igt.plan(nn.RNN(4, 16, 2, batch_first=True), torch.randn(8, 50, 4))
    names = ("weight_ih_l0", "weight_hh_l0", "weight_ih_l1", "weight_hh_l1")
    assert [plan[f"{one}.weight"].initializer for one in "abcd"] == [torchs[one].initializer for one in names]


def test_residual_layers_that_share_their_weights_read_nothing_anew():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.up, self.down = (nn.Linear(n, 16) for n in (4, 16, 16))

        def forward(self, x):
            h = self.first(x)
            for _ in range(6):
                h = h + self.down(torch.tanh(self.up(h)))
            return h

    plan = igt.plan(Shared(), torch.randn(8, 4))
    assert plan["first.weight"].initializer == ig.VarianceScaling(1.0)
    assert plan["up.weight"].role != "recurrent", "another weight lies between its uses"
    assert plan["down.weight"].gain == pytest.approx(ig.activation("tanh").gain() / 6), "six terms of one sum"
