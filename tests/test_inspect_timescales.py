"""Buffers, angles and decays: old memory, NaN, types; sines that do not turn; states that forget."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from corpus import broken_closer, closer  # noqa: E402
from isogain.inspect.looks import Angles, Decays  # noqa: E402
from isogain.torch.inspection.inspecting import inspect  # noqa: E402


def codes(model, inputs, loss=None):
    return {f.code for f in igt.inspect(model, inputs, loss).findings if f.severity != "info"}


def seen(model, inputs, kind):
    return [one.seen for one in igt.inspect(model, inputs).table.looks if isinstance(one.seen, kind)]


def rotary(fill):
    torch.manual_seed(0)
    return broken_closer._rotary(fill)


def test_frequencies_of_old_memory():
    assert codes(*rotary(lambda b: None)) == set()
    assert "uninitialized" in codes(
        *rotary(lambda b: b.copy_(torch.tensor([1e32, 3.0, 1e-38, 0.0, 2.0, 1e-3])))
    )
    assert "time-scale" in codes(*rotary(lambda b: b.fill_(1e32)))
    assert codes(*rotary(lambda b: b.copy_(10 ** torch.linspace(0, -4, 6)))) == set()


def test_masks_are_not_old_memory():
    for low in (-math.inf, torch.finfo(torch.float32).min, -1e9):
        model = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))
        model.register_buffer("mask", torch.full((8, 8), low).triu(1))
        assert codes(*closer.vectors(model)) == set()


def test_buffers_on_meta_are_said_before_the_model_runs():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[1].running_mean = model[1].running_mean.to("meta")
    finding = igt.inspect(model, torch.randn(8, 4)).findings[0]
    assert (finding.code, finding.paths) == ("uninitialized", ("1.running_mean",))


class Turn(nn.Module):
    def __init__(self, rates):
        super().__init__()
        self.register_buffer("rates", rates)
        self.net = nn.Linear(rates.shape[-1], 1)

    def forward(self, x):
        return self.net(torch.sin(x @ self.rates))


def test_angles_are_what_the_sine_receives():
    torch.manual_seed(1)
    rates, x = torch.randn(3, 20) * 5, torch.rand(200, 3)
    (angles,) = seen(Turn(rates), x, Angles)
    z = (x @ rates).double()
    assert angles.rms == pytest.approx(float(z.square().mean().sqrt()), rel=1e-5)
    assert angles.largest == pytest.approx(float(z.abs().max()), rel=1e-5)
    assert angles.fastest == pytest.approx(float(z.std(0).max()), rel=1e-5)
    assert angles.rounding == pytest.approx(float(z.abs().max()) * 2.0**-24, rel=1e-5)


@pytest.mark.parametrize(
    ("bandwidth", "fine"), [(1e-4, False), (1.0, True), (8.0, True), (30.0, False), (1e5, False)]
)
def test_bandwidth_of_an_encoding(bandwidth, fine):
    torch.manual_seed(2)
    grid = torch.cartesian_prod(torch.linspace(-1, 1, 24), torch.linspace(-1, 1, 24))
    assert ("time-scale" not in codes(Turn(bandwidth * torch.randn(2, 32)), grid)) == fine


def test_first_sine_layer_by_the_law_of_a_hidden_one():
    for w0 in (20.0, 30.0, 60.0):
        torch.manual_seed(3)
        right = closer.siren(2, w0=w0)
        torch.manual_seed(3)
        wrong = closer.siren(2, w0=w0, first=math.sqrt(3) / w0)
        assert "time-scale" not in codes(*closer.coordinates(right))
        report = igt.inspect(*closer.coordinates(wrong))
        assert [f.path for f in report.findings if f.code == "time-scale"] == ["0.linear"]


def test_decays_are_the_rates_of_the_state():
    torch.manual_seed(4)
    model, x, _ = closer.sequences(closer.Pooled(closer.Selective()), length=12)
    (decays,) = seen(model, x, Decays)
    layer = model.layers[0]
    with torch.no_grad():
        rates = F.softplus(layer.dt(layer.norm(x)))[..., None] * layer.a_log.exp()
    assert decays.median == pytest.approx(float(rates.flatten().median()), rel=0.1)
    assert 0 < decays.slowest < decays.median < decays.fastest


@pytest.mark.parametrize(("offset", "verdict"), [(None, "healthy"), (1.0, "warning"), (5.0, "critical")])
def test_a_state_that_forgets_at_once(offset, verdict):
    torch.manual_seed(5)
    report = igt.inspect(*closer.sequences(closer.Pooled(closer.Selective(offset=offset)), length=32))
    assert report.verdict == verdict


# ---- encodings of places -------------------------------------------------------------------


class Waves(nn.Module):
    """Random Fourier features of places (Tancik et al. 2020), fixed or trained."""

    def __init__(self, scale: float, trained: bool = False) -> None:
        super().__init__()
        self.waves = nn.Linear(2, 64, bias=False)
        nn.init.normal_(self.waves.weight, std=2 * math.pi * scale)
        self.waves.requires_grad_(trained)
        self.trained = trained
        self.net = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        angles = self.waves(x) if self.trained else x @ self.waves.weight.detach().T
        return self.net(torch.cat([angles.sin(), angles.cos()], -1))


def places(side=24):
    line = torch.linspace(0, 1, side)
    x = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    return x, torch.sin(7 * x[:, :1]) * torch.cos(5 * x[:, 1:])


def told_of(model, inputs):
    found = [one for one in inspect(model, inputs, "mse").findings if one.severity != "info"]
    return {one.code: one for one in reversed(found)}


@pytest.mark.parametrize("scale", [20.0, 100.0])
def test_waves_finer_than_a_grid_leave_neighbours_unrelated(scale):
    torch.manual_seed(0)
    found = told_of(Waves(scale), places())["time-scale"]
    assert "learn each sample by heart" in found.why


@pytest.mark.parametrize("scale", [0.001, 0.03])
def test_waves_that_do_not_turn_over_all_places(scale):
    torch.manual_seed(0)
    assert "straight lines" in told_of(Waves(scale), places())["time-scale"].why


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_waves_of_the_size_of_what_is_asked_for(scale, trained):
    torch.manual_seed(0)
    assert not told_of(Waves(scale, trained), places())


def test_places_drawn_at_random_may_have_nearer_neighbours():
    torch.manual_seed(0)
    x = torch.rand(256, 2)
    assert not told_of(Waves(20.0), (x, x[:, :1]))


def test_trained_waves_get_a_line():
    torch.manual_seed(0)
    model, batch = Waves(0.001, trained=True), places()
    found = next(one for one in igt.inspect(model, batch, "mse").findings if one.code == "time-scale")
    exec(found.fix, {"model": model, "inputs": batch, "torch": torch, "igt": igt})
    assert "time-scale" not in told_of(model, batch)


# ---- reservoirs ----------------------------------------------------------------------------


class Reservoir(nn.Module):
    """A frozen recurrence and a trained readout (Jaeger 2001)."""

    def __init__(self, radius: float, buffers: bool) -> None:
        super().__init__()
        carry, read = radius * torch.randn(100, 100) / 10, 0.5 * torch.randn(100, 1)
        for name, value in (("carry", carry), ("read", read)):
            if buffers:
                self.register_buffer(name, value)
            else:
                self.register_parameter(name, nn.Parameter(value, requires_grad=False))
        self.out = nn.Linear(100, 1)

    def forward(self, x):
        state = x.new_zeros(len(x), 100)
        for step in range(x.shape[1]):
            state = torch.tanh(x[:, step] @ self.read.T + state @ self.carry.T)
        return self.out(state)


@pytest.mark.parametrize("buffers", [False, True])
@pytest.mark.parametrize("radius", [0.01, 0.5, 0.9, 1.3, 5.0])
def test_frozen_states_that_are_chaotic_or_forget(radius, buffers):
    torch.manual_seed(0)
    x = torch.randn(32, 40, 1)
    found = told_of(Reservoir(radius, buffers), (x, x[:, -1] + x[:, -2]))
    assert set(found) == ({"time-scale"} if radius in (0.01, 5.0) else set())
    if radius == 5:
        assert "chaotic" in found["time-scale"].why


class Periodic(nn.Module):
    """Trained frequencies for each column, as for tables of numbers."""

    def __init__(self, size) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(size * torch.randn(4, 24))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 48, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x):
        turns = 2 * math.pi * self.frequencies * x[..., None]
        return self.head(torch.cat([turns.cos(), turns.sin()], -1))


@pytest.mark.parametrize(("size", "found"), [(0.02, False), (0.2, False), (1000.0, True)])
def test_frequencies_at_which_neighbours_have_nothing_in_common(size, found):
    torch.manual_seed(0)
    x = torch.randn(512, 4)
    loss = F.mse_loss
    target = torch.sin(2 * x[:, :1])
    assert ("time-scale" in codes(Periodic(size), x, lambda made: loss(made, target))) is found


class Written(nn.Module):
    """h = exp(-rate) h + u, step by step, as it is written by hand."""

    def __init__(self, times) -> None:
        super().__init__()
        self.read, self.head = nn.Linear(2, 24), nn.Linear(24, 1)
        self.rate = nn.Parameter(times * torch.linspace(0.02, 0.5, 24))

    def forward(self, x):
        taken, state, keep = self.read(x), 0.0, torch.exp(-self.rate)
        for step in range(x.shape[1]):
            state = keep * state + 0.3 * taken[:, step]
        return self.head(state)


@pytest.mark.parametrize(("times", "verdict"), [(1.0, "healthy"), (60.0, "warning")])
def test_decays_that_are_written_out(times, verdict):
    """The slowest keeps exp(-1.2) of its state at 60 times the rates, and is judged either way."""
    x = torch.randn(48, 40, 2)
    target = x[:, :20, :1].mean(1)
    report = igt.inspect(Written(times), x, lambda o: nn.functional.mse_loss(o, target))
    assert report.verdict == verdict
    assert [one.code for one in report.findings] == ["time-scale"] * (times > 1)
    assert not [one for one in report.coverage.skipped if "rate" in one]
