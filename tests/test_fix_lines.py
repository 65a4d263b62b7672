"""Fixes: data that a copy is mended by, printed as a line that does the same; nothing healthy is touched."""

from __future__ import annotations

import copy
import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.inspect.fixes import Change, Fix, line_of  # noqa: E402
from isogain.torch.mending.carrying import TORCH, carried_out  # noqa: E402


def classes(count: int, of: int = 10):
    return torch.arange(count) % of


def cross_entropy(targets):
    return lambda output: nn.functional.cross_entropy(output, targets)


def run(line, model, inputs, loss=None):
    scope = {"model": model, "inputs": inputs, "loss": loss, "torch": torch, "igt": igt}
    with torch.no_grad():
        exec(line, scope)
    return scope["inputs"]


def changed(model, before):
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


def stack(depth=8, width=64, activation=nn.ReLU, gain=2**0.5):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=gain / math.sqrt(width))
            nn.init.zeros_(module.bias)
    return model


@pytest.mark.parametrize(
    "change",
    [
        Change("fill", (("0.bias", 0.25), ("2.bias", -1.0))),
        Change("norm", (("0.weight", 3.0),)),
        Change("norm", (("0.weight", 3.0), ("2.weight", 4.5))),
        Change("normal", (("0.weight", 0.1), ("2.weight", 0.1))),
        Change("orthogonal", (("0.weight", 1.5),)),
        Change("patch", (("2.weight", 0.3),)),
        Change("freeze", (("0.bias", 0.0),)),
    ],
    ids=lambda change: change.verb,
)
def test_the_line_does_what_the_data_say_and_twice_does_no_harm(change):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    with torch.no_grad():
        model[2].weight[1, 2] = math.nan
    by_data, by_line, twice = (copy.deepcopy(model) for _ in range(3))
    carried_out(Fix((change,)), by_data, None)
    line = line_of(Fix((change,)), TORCH)
    run(line, by_line, None)
    run(line, twice, None)
    run(line, twice, None)
    for one, other, again in zip(by_data.parameters(), by_line.parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True, rtol=0, atol=0)
        torch.testing.assert_close(one, again, equal_nan=True, rtol=1e-6, atol=0)
        assert one.requires_grad == other.requires_grad
    touched = {n for n, p in model.named_parameters() if not torch.equal(p, by_line.get_parameter(n))}
    assert touched <= {*change.names, "2.weight"}  # the NaN differs from itself


class Adapted(nn.Module):
    """A frozen layer with two thin factors beside it."""

    def __init__(self, width, out):
        super().__init__()
        self.base, self.down = nn.Linear(width, out), nn.Linear(width, 4, bias=False)
        self.up = nn.Linear(4, out, bias=False)
        self.base.requires_grad_(False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def test_of_two_zero_factors_the_first_is_drawn_and_the_frozen_base_stays():
    torch.manual_seed(1)
    model = nn.Sequential(Adapted(24, 48), nn.Tanh(), Adapted(48, 48), nn.Tanh(), Adapted(48, 10))
    for name, parameter in model.named_parameters():
        if "down" in name or "up" in name:
            nn.init.zeros_(parameter)
    x, loss = torch.randn(64, 24), cross_entropy(classes(64))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    output = model(x)
    findings = [f for f in igt.inspect(model, x, loss).findings if f.code == "symmetric-units"]
    assert len(findings) == 1  # one cause, one finding
    run(findings[0].fix, model, x)
    assert changed(model, before) == {"0.down.weight", "2.down.weight", "4.down.weight"}
    torch.testing.assert_close(model(x), output)
    assert igt.inspect(model, x, loss).verdict == "healthy"


@pytest.mark.parametrize("factor", [1e3, 1e-5])
@pytest.mark.parametrize("place", [4, 10])
def test_one_layer_off_its_peers_is_named_and_mended_alone(factor, place):
    torch.manual_seed(0)
    model, x, loss = stack(), torch.randn(128, 64), cross_entropy(classes(128))
    with torch.no_grad():
        model[place].weight.mul_(factor)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    report = igt.inspect(model, x, loss)
    first = report.findings[0]
    assert report.verdict != "healthy"
    run(first.fix, model, x, loss)
    assert changed(model, before) == {f"{place}.weight"}
    assert igt.inspect(model, x, loss).verdict == "healthy"


def test_a_whole_stack_at_the_wrong_gain_is_started_anew():
    torch.manual_seed(0)
    model, x, loss = stack(depth=40, gain=1 / math.sqrt(3)), torch.randn(128, 64), cross_entropy(classes(128))
    report = igt.inspect(model, x, loss)
    assert {f.fix for f in report.findings if f.severity != "info"} == {"igt.init_(model, inputs)"}
    assert "mends this too" in str(report)  # said once


def test_only_what_is_not_finite_is_drawn():
    torch.manual_seed(0)
    model, x = stack(depth=3), torch.randn(64, 64)
    with torch.no_grad():
        model[2].weight[3:5] = math.nan
        model[2].bias[7] = math.inf
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    run(igt.inspect(model, x).findings[0].fix, model, x)
    assert changed(model, before) == {"2.weight", "2.bias"}
    kept = [k for k in range(64) if k not in (3, 4)]
    assert torch.equal(model[2].weight[kept], before["2.weight"][kept])
    assert float(model[2].weight[3:5].detach().std()) == pytest.approx(math.sqrt(2 / 64), rel=0.25)
    assert float(model[2].bias[7].detach()) == 0.0


def test_a_prior_in_the_heads_bias_outlives_the_fix_of_shifted_biases():
    torch.manual_seed(0)
    model, x = stack(depth=4), torch.randn(256, 64)
    with torch.no_grad():
        for place in (0, 2, 4, 6):
            model[place].bias.fill_(-6.0)
        model[8].bias.fill_(-4.6)
    finding = next(f for f in igt.inspect(model, x).findings if f.code == "dead-units")
    run(finding.fix, model, x)
    assert bool((model[8].bias == -4.6).all())
    assert igt.inspect(model, x).verdict == "healthy"


def test_raw_inputs_are_mended_at_the_inputs():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 1))
    x = (torch.rand(400, 1) * 2 - 1) * 300
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    finding = next(f for f in igt.inspect(model, x).findings if f.code == "saturated-units")
    smaller = run(finding.fix, model, x)
    assert not changed(model, before)
    assert float(smaller.square().mean().sqrt()) == pytest.approx(1, rel=0.02)
    assert igt.inspect(model, smaller).verdict == "healthy"


def test_what_no_line_mends_says_so():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    report = igt.inspect(model, torch.randn(16, 8), lambda output: (output * 0).log().sum())
    finding = report.findings[0]
    assert finding.code == "non-finite"
    assert finding.fix == ""
    assert finding.remark
    assert finding.remark in " ".join(str(report).split())
    assert report.to_dict()["findings"][0]["remark"] == finding.remark


def test_trying_fixes_changes_nothing():
    torch.manual_seed(0)
    model, x = stack(depth=30, gain=0.5), torch.randn(64, 64)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    state = torch.get_rng_state()
    assert igt.inspect(model, x, cross_entropy(classes(64))).findings[0].fix
    assert not changed(model, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_a_healthy_model_is_not_copied(monkeypatch):
    from isogain.torch.mending import proving

    monkeypatch.setattr(proving, "copied", lambda model: pytest.fail("copied"))
    torch.manual_seed(0)
    assert igt.inspect(stack(depth=3), torch.randn(64, 64)).verdict == "healthy"


def test_a_model_that_cannot_be_copied_has_no_line():
    class Stubborn(nn.Sequential):
        def __deepcopy__(self, memo):
            raise TypeError("not me")

    torch.manual_seed(0)
    model = Stubborn(*stack(depth=30, gain=0.5))
    report = igt.inspect(model, torch.randn(64, 64))
    assert report.verdict == "critical"
    assert not any(f.fix for f in report.findings)
    assert all(f.remark for f in report.findings)
