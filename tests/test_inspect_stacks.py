"""Stacks, peers, saddles and fans: parts that are copies, idle, odd, stuck, or drawn for another fan."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from corpus import closer  # noqa: E402
from corpus.parts import mlp  # noqa: E402
from isogain.inspect.slices import slices_of  # noqa: E402
from told import told as found  # noqa: E402


def test_slices_are_counted():
    rng = np.random.default_rng(0)
    values, slopes = rng.normal(size=(5, 6, 7)), rng.normal(size=(5, 6, 7))
    values[3], slopes[1], values[4] = values[0], 0, 40 * values[4]
    seen = slices_of(values, slopes, parallel=True)
    assert (seen.count, seen.twins, seen.idle) == (5, 2, 1)
    assert seen.kinship == pytest.approx(np.corrcoef(slopes[0].ravel(), slopes[3].ravel())[0, 1], abs=0.1)
    assert seen.sizes[4] / seen.sizes[0] == pytest.approx(40, rel=0.5)
    slopes[3] = slopes[0]
    assert slices_of(values, slopes, parallel=True).kinship == pytest.approx(1)
    assert slices_of(np.zeros((3, 4, 4)), None, parallel=False).twins == 0  # zeros were set, not drawn


def test_idle_experts_only_where_tokens_abound():
    torch.manual_seed(0)
    model = closer.Experts("stacked", 8)
    model.router.bias.data[0] = 9.0
    assert "idle-slices" in found(*closer.vectors(model))
    assert "idle-slices" not in found(*closer.vectors(model, batch=16))


def test_one_quiet_layer_is_named_alone_and_mended_alone():
    torch.manual_seed(1)
    he = lambda m: nn.init.kaiming_normal_(m.weight, nonlinearity="relu")  # noqa: E731
    model = mlp(8, 64, nn.ReLU, he, inputs=32, outputs=5)
    model[6].weight.data *= 1e-5
    start = {name: p.clone() for name, p in model.named_parameters()}
    model_, x, loss = closer.vectors(model)
    report = igt.inspect(model_, x, loss)
    assert [f.key for f in report.findings] == ["off-peers:6"]
    exec(report.findings[0].fix, {"model": model})
    assert [n for n, p in model.named_parameters() if not torch.equal(p, start[n])] == ["6.weight"]
    assert igt.inspect(model_, x, loss).verdict == "healthy"


def test_a_saddle_stays_and_a_single_zero_leaves():
    torch.manual_seed(2)
    for ends in (0.0, None):
        model = closer.gated(closer.Gated, 3)
        for block in model[1:-1]:
            if ends is not None:
                nn.init.zeros_(block.down.weight)
                nn.init.zeros_(block.down.bias)
        _, x, loss = closer.vectors(model)
        assert ("symmetric-units" in found(model, x, loss)) == (ends == 0.0)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss(model(x)).backward()
            optimizer.step()
        assert all((block.gate.item() == 0) == (ends == 0.0) for block in model[1:-1])


def test_a_depthwise_kernel_by_the_fan_of_all_groups():
    torch.manual_seed(3)
    law = lambda m: nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")  # noqa: E731
    finding = found(*closer.pictures(closer.Separable(law, norm=False, width=48)))["off-peers"]
    assert "9 inputs" in finding.expected
    assert float(finding.measured.split()[0]) == pytest.approx(48**-0.5, rel=0.1)
    assert all(path.startswith("deep.") for path in finding.paths)
    noted = igt.inspect(*closer.pictures(closer.Separable(law, norm=True))).findings
    assert [f.severity for f in noted if f.code == "off-peers"] == ["info"]


class Pair(nn.Module):
    """Two branches of the same numbers: summed with factors, or one behind the other."""

    def __init__(self, factors):
        super().__init__()
        torch.manual_seed(5)
        self.one, self.other, self.head = (nn.Linear(32, 32) for _ in range(3))
        self.other.load_state_dict(self.one.state_dict())
        self.factors = factors

    def forward(self, x):
        one = torch.relu(self.one(x))
        if not self.factors:
            return self.head(torch.relu(self.other(one)))
        return self.head(self.factors[0] * one + self.factors[1] * torch.relu(self.other(x)))


@pytest.mark.parametrize(
    ("factors", "severity"), [((1, 1), "critical"), ((1, 2), "critical"), ((), "warning")]
)
def test_copies_are_told_apart_by_where_they_are_and_what_they_learn(factors, severity):
    """Side by side a factor on one gradient parts nothing, as Adam divides it out: three steps show it."""
    model, x, loss = closer.vectors(Pair(factors))
    finding = next(f for f in igt.inspect(model, x, loss).findings if f.code == "identical-layers")
    assert finding.severity == severity
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()
    apart = (model.one.weight - model.other.weight).abs().max().item()
    assert (apart < 1e-4) == (severity == "critical")


@pytest.mark.parametrize("spelling", ["stacked", "modules"])
@pytest.mark.parametrize("top", [1, 2])
def test_experts_copied_from_one_part_by_their_router(spelling, top):
    """Upcycling: three steps of Adam part every pair of the copies."""
    torch.manual_seed(6)
    model = closer.Experts(spelling, 4, top)
    if spelling == "modules":
        for expert in model.experts[1:]:
            expert.load_state_dict(model.experts[0].state_dict())
        weights = lambda: [expert[0].weight for expert in model.experts]  # noqa: E731
    else:
        model.up.data[:], model.down.data[:] = model.up.data[:1].clone(), model.down.data[:1].clone()
        weights = lambda: list(model.up)  # noqa: E731
    model, x, loss = closer.vectors(model)
    report = igt.inspect(model, x, loss)
    assert {f.code: f.severity for f in report.findings} == {"identical-layers": "info"}
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()
    now = weights()
    assert all((one - now[k]).abs().max() > 1e-4 for k in range(4) for one in now[:k])
