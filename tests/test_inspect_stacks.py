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


def found(model, inputs, loss):
    report = igt.inspect(model, inputs, loss)
    return {f.code: f for f in reversed(report.findings) if f.severity != "info"}


def test_slices_are_counted():
    rng = np.random.default_rng(0)
    values, slopes = rng.normal(size=(5, 6, 7)), rng.normal(size=(5, 6, 7))
    values[3], slopes[1], values[4] = values[0], 0, 40 * values[4]
    seen = slices_of(values, slopes, parallel=True)
    assert (seen.count, seen.twins, seen.twins_apart, seen.idle) == (5, 2, True, 1)
    assert seen.sizes[4] / seen.sizes[0] == pytest.approx(40, rel=0.5)
    slopes[3] = slopes[0]
    assert not slices_of(values, slopes, parallel=True).twins_apart
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
