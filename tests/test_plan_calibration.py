"""Calibration: goes along what was recorded, notices when the model goes elsewhere, and scales the same."""

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.torch.call.calling import arguments_of
from isogain.torch.record.gauge import gauge
from isogain.torch.start import calibration
from isogain.torch.start.planning import plan_of


class Counted(nn.Module):
    """A model that counts its forward passes."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.seen = inner, []

    def forward(self, x):
        self.seen.append(1)
        return self.inner(x)


def stack(*kinds, width=64):
    layers = []
    for kind in kinds:
        layers += [nn.Linear(width, width), kind()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Branching(nn.Module):
    """Which of two experts runs depends on the parameters."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(32, 32)
        self.experts = nn.ModuleList([nn.Linear(32, 32), nn.Linear(32, 32)])
        self.last = nn.Linear(32, 5)
        self.chosen = []

    def forward(self, x):
        h = torch.relu(self.first(x))
        which = int(self.first.weight[0, 0] > 0)
        self.chosen.append(which)
        return self.last(torch.relu(self.experts[which](h)))


def sizes_of(model, inputs, names):
    """Root mean squares of modules' outputs, by hooks of their own."""
    found, handles = {}, []
    for name in names:
        module = model.get_submodule(name)

        def keep(_module, _inputs, output, name=name):
            found[name] = float(output.square().mean().sqrt())

        handles.append(module.register_forward_hook(keep))
    with torch.no_grad():
        model(inputs)
    for handle in handles:
        handle.remove()
    return found


def test_two_forward_passes_suffice():
    model = Counted(stack(*[nn.ReLU] * 12))
    igt.init_(model, torch.randn(64, 64))
    assert len(model.seen) == 2


@pytest.mark.parametrize("kind", [nn.ReLU, nn.Tanh, nn.SELU])
def test_following_scales_as_recording_does(kind, monkeypatch):
    inputs, found = 3 * torch.randn(64, 64), []
    for lost in (False, True):
        torch.manual_seed(1)
        model = Counted(stack(*[kind] * 10))
        if lost:
            monkeypatch.setattr(calibration.Follower, "_same", lambda *_: False)
        receipt = igt.init_(model, inputs, seed=3, keep_healthy=False)
        assert len(model.seen) == 2 + lost
        found.append((receipt.gains, receipt.written, [p.detach().clone() for p in model.parameters()]))
    (gains, written, first), (others, rewritten, second) = found
    assert any(one.scaled != 1 for one in written)
    assert written == rewritten
    assert all(map(torch.equal, first, second))
    for one, other in zip(gains, others, strict=True):
        assert one.after == pytest.approx(other.after)
        assert one.gradient_after == pytest.approx(other.gradient_after)


@pytest.mark.parametrize("loudness", [0.2, 3.0])
def test_scaled_layers_meet_the_plan_to_the_digits_of_their_factors(loudness):
    """Factors have four digits: half of the last one is 5e-4 at most."""
    model, inputs = stack(*[nn.Tanh] * 10), loudness * torch.randn(64, 64)
    receipt = igt.init_(model, inputs, seed=2, keep_healthy=False)
    scaled = [path.rpartition(".")[0] for path in receipt.scaled]
    assert scaled
    for name, size in sizes_of(model, inputs, scaled).items():
        assert size == pytest.approx(receipt.plan[f"{name}.weight"].signal, rel=6e-4), name


def test_another_way_than_recorded_is_noticed():
    """The recorded run took expert 0, the drawn weights take 1, which the plan never saw: the head makes up."""
    inputs = torch.randn(256, 32)
    model = Branching()
    with torch.no_grad():
        model.first.weight[0, 0] = -0.1
    seed = next(s for s in range(50) if _sign(model, inputs, s) > 0)
    model.chosen.clear()
    receipt = igt.init_(model, inputs, seed=seed, keep_healthy=False)
    assert model.chosen == [0, 1, 1]
    assert {one.path for one in receipt.written if one.scaled != 1} <= {"first.weight", "last.weight"}
    assert "last.weight" in {one.path for one in receipt.written if one.scaled != 1}
    for name, size in sizes_of(model, inputs, ("first", "last")).items():
        assert size == pytest.approx(receipt.plan[f"{name}.weight"].signal, rel=0.06), name


def _sign(model, inputs, seed):
    import copy

    twin = copy.deepcopy(model)
    igt.apply_(twin, igt.plan(twin, inputs), seed)
    return float(twin.first.weight[0, 0].detach())


def test_a_shorter_and_a_longer_way_are_noticed():
    class Early(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = stack(nn.ReLU, nn.ReLU)
            self.extra, self.runs = nn.Linear(10, 10), []

        def forward(self, x):
            self.runs.append(1)
            y = self.layers(x)
            return self.extra(y) if len(self.runs) % 2 else y

    for runs in (0, 1):
        model, inputs = Early(), torch.randn(16, 64)
        model.runs += [1] * runs
        given = arguments_of(inputs)
        before = gauge(model, *given, back=False)
        made = plan_of(before, before.graph(before.returned))
        _, after = calibration.calibrate(before, made, *given)
        assert isinstance(after, calibration.Calibrator)


def test_the_compiler_is_not_loaded_for_a_plain_model():
    import subprocess
    import sys

    code = (
        "import sys, torch, isogain.torch as igt\n"
        "igt.init_(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)), torch.randn(8, 4))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
