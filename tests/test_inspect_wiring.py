"""What no number in a parameter mends: states cut apart, weights that are none, layers with nothing between."""

from __future__ import annotations

import itertools
import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

SAMPLES, STEPS = 24, 20


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def grave(report):
    return [one for one in report.findings if one.severity != "info"]


class Remembers(nn.Module):
    """A cell, or a recurrence written out, over tokens."""

    def __init__(self, carried, *, plain=False, each=False) -> None:
        super().__init__()
        self.embed, self.cell, self.head = nn.Embedding(8, 16), nn.GRUCell(16, 24), nn.Linear(24, 8)
        self.read, self.keep = nn.Linear(16, 24), nn.Linear(24, 24)
        self.carried, self.plain, self.each = carried, plain, each

    def forward(self, tokens):
        rows, states = self.embed(tokens), []
        state = rows.new_zeros(len(tokens), 24)
        for step in range(tokens.shape[1]):
            state = self.carried(step, state)
            row = rows[:, step]
            state = torch.tanh(self.read(row) + self.keep(state)) if self.plain else self.cell(row, state)
            states.append(state)
        return self.head(torch.stack(states, 1)) if self.each else self.head(state)


def cut(step, state):
    return state.detach()


def steps_told(model, tokens=None):
    tokens = torch.randint(0, 8, (SAMPLES, STEPS)) if tokens is None else tokens
    target = tokens if model.each else tokens[:, 0]
    report = igt.inspect(model, tokens, lambda a: F.cross_entropy(a.flatten(0, -2), target.flatten()))
    return [one for one in grave(report) if "detached at every step" in one.why]


class TestDetachedSteps:
    @pytest.mark.parametrize("plain", [False, True], ids=["cell", "written out"])
    def test_a_state_that_is_detached_at_every_step(self, plain):
        (found,) = steps_told(Remembers(cut, plain=plain))
        assert (found.code, found.severity) == ("vanishing-backward", "warning")
        assert found.measured.startswith("a gradient goes back over 1 of")
        assert found.path == ("keep" if plain else "cell")

    def test_a_cell_is_told_though_every_step_has_a_loss(self):
        assert steps_told(Remembers(cut, each=True))
        assert not steps_told(Remembers(cut, plain=True, each=True))  # may be a rollout, step by step

    @pytest.mark.parametrize(
        "carried",
        [
            lambda step, state: state,
            lambda step, state: state.detach() if step % 5 == 0 else state,
            lambda step, state: 0.5 * state.detach() + 0.5 * state,
        ],
        ids=["whole", "now and then", "in part"],
    )
    def test_states_that_a_gradient_goes_back_through(self, carried):
        assert not steps_told(Remembers(carried))

    def test_a_few_rounds_of_refinement(self):
        assert not steps_told(Remembers(cut), torch.randint(0, 8, (SAMPLES, 6)))


class Held(nn.Module):
    """Two layers around an activation, of matrices that `hold` keeps."""

    def __init__(self, hold, made=torch.randn, layers=2) -> None:
        super().__init__()
        self.matrices = [hold(made(12, 12) / math.sqrt(12)) for _ in range(layers)]
        for place, matrix in enumerate(self.matrices):
            if isinstance(matrix, nn.Parameter):
                self.register_parameter(f"w{place}", matrix)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        for matrix in self.matrices:
            x = torch.relu(x @ matrix)
        return self.head(x)


class TestPlainWeights:
    def told(self, model):
        report = igt.inspect(model, torch.randn(32, 12), lambda a: F.cross_entropy(a, torch.arange(32) % 3))
        return [one for one in grave(report) if "plain tensors are held" in one.why]

    def test_layers_whose_weights_are_plain_tensors(self):
        (found,) = self.told(Held(lambda matrix: matrix))
        assert (found.code, found.paths) == ("unused-parameter", ("matrices[0]", "matrices[1]"))

    def test_parameters_are_none(self):
        assert not self.told(Held(nn.Parameter))

    def test_one_may_be_a_fixed_projection(self):
        assert not self.told(Held(lambda matrix: matrix, layers=1))

    def test_transforms_are_no_draws(self):
        def rotation(*shape):
            return torch.linalg.qr(torch.randn(*shape))[0] * math.sqrt(12)

        assert not self.told(Held(lambda matrix: matrix, rotation))

    def test_adjacencies_are_no_draws(self):
        assert not self.told(Held(lambda matrix: matrix, lambda *shape: (torch.rand(*shape) > 0.5).float()))


class TestUnbentLayers:
    def told(self, *sizes, between=()):
        pairs = list(itertools.pairwise(sizes))
        layers = [nn.Sequential(nn.Linear(*pair), *between) for pair in pairs[:-1]]
        model = nn.Sequential(*layers, nn.Linear(*pairs[-1]))
        report = igt.inspect(
            model, torch.randn(64, sizes[0]), lambda a: F.cross_entropy(a, torch.arange(64) % 2)
        )
        return [one for one in grave(report) if "are one linear map" in one.why]

    def test_hidden_layers_without_an_activation(self):
        (found,) = self.told(6, 64, 64, 2)
        assert (found.code, found.severity) == ("loss-floor", "warning")
        assert "between 0.0 and 2" in found.why
        assert "these 3 layers" in found.why
        assert self.told(6, 64, 64, 2, between=(nn.Dropout(0.1),))

    def test_an_activation_bends(self):
        assert not self.told(6, 64, 64, 2, between=(nn.ReLU(),))

    @pytest.mark.parametrize("sizes", [(64, 8, 8, 64), (32, 32, 32, 32), (6, 64, 2)])
    def test_factors_of_a_map_and_chains_of_one_width(self, sizes):
        assert not self.told(*sizes)


class TestSamplesBeside:
    """The same question as of answers in rows, where answers have places as well."""

    class Mixture(nn.Module):
        def __init__(self, axis, first=True) -> None:
            super().__init__()
            self.memory, self.head = nn.LSTM(5, 16, batch_first=first), nn.Linear(16, 6)
            self.axis = axis

        def forward(self, x):
            return F.log_softmax(self.head(self.memory(x)[0]), self.axis)

    def told(self, model):
        report = igt.inspect(model, torch.randn(SAMPLES, STEPS, 5), lambda a: -a[..., 0].mean())
        return [one for one in grave(report) if "depends on those beside it" in one.why]

    def test_a_softmax_over_the_samples_of_sequences(self):
        (found,) = self.told(self.Mixture(0))
        assert "24 x 20 x 6" in found.why

    def test_one_over_the_answers_is_fine(self):
        assert not self.told(self.Mixture(-1))

    def test_the_first_axis_may_hold_steps(self):
        assert not self.told(self.Mixture(0, first=False))
