"""Why: said of what was measured, and of the layers that make a change."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.inspect.chains import chains, under_shapes  # noqa: E402


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Magnitude(nn.Module):
    """A weight taken apart into lengths and directions of its rows."""

    def __init__(self, width):
        super().__init__()
        self.base = nn.Linear(width, width, bias=False)
        self.length = nn.Parameter(self.base.weight.detach().norm(dim=1))

    def forward(self, x):
        return self.base(x) * (self.length / self.base.weight.norm(dim=1))


def test_a_division_by_rows_of_zeros_is_named_and_not_the_product_behind_it():
    torch.manual_seed(0)
    model = nn.Sequential(Magnitude(16), nn.ReLU(), Magnitude(16))
    with torch.no_grad():
        model[2].base.weight[3:6] = 0.0
        model[2].length[3:6] = 0.0
    finding = igt.inspect(model, drawn(32, 16)).findings[0]
    assert finding.code == "non-finite"
    assert "division" in finding.why
    assert "3 of 16" in finding.why
    assert "2.base.weight has 3 rows of zeros" in finding.why
    assert "0.base" not in finding.why


class Unseen(nn.Module):
    """A signal that nothing measures becomes infinite before a layer reads it."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(torch.exp(200 * self.layer(x).abs()) + 0.0)


def test_an_operation_that_was_not_measured_is_named_with_what_it_reads():
    torch.manual_seed(0)
    finding = igt.inspect(Unseen(), drawn(16, 8)).findings[0]
    assert finding.code == "non-finite"
    assert re.match(r"e raised to \d{3} is more than float32 holds, in \d+ of 128 places", finding.why)


def test_a_layer_that_overflows_by_itself_says_so():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
    with torch.no_grad():
        model[1].weight.fill_(3e38)
    finding = igt.inspect(model, drawn(16, 8)).findings[0]
    assert "its inputs are finite (largest" in finding.why


def test_old_memory_comes_before_the_nan_that_lies_in_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    bits = torch.randint(-(2**31), 2**31 - 1, (32, 16), generator=torch.Generator().manual_seed(0)).int()
    with torch.no_grad():
        model[0].weight.copy_(bits.view(torch.float32))
        model[0].weight[0, 0] = math.nan
    found = igt.inspect(model, drawn(32, 16)).findings
    assert found[0].code == "uninitialized"
    assert found[0].path == "0.weight"


def chain(depth=12, gain=2**0.5, width=64):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width, bias=False), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(width, 4, bias=False))
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=gain / math.sqrt(width))
    return model


def test_a_change_is_laid_on_the_layers_that_make_it():
    torch.manual_seed(0)
    model = chain()
    with torch.no_grad():
        for place in (8, 14, 20):
            model[place].weight.mul_(0.05)  # each alone within what peers may differ by
    why = igt.inspect(model, drawn(64, 64)).findings[0].why
    assert why.startswith("3 of ")
    assert "8 has a gain of" in why
    assert "14 has a gain of" in why


def test_and_on_all_where_all_make_it():
    torch.manual_seed(0)
    why = igt.inspect(chain(depth=40, gain=1.0), drawn(64, 64)).findings[0].why
    assert "layers each lose" in why
    assert "which needs 1.41" in why


def test_norms_are_not_called_absent():
    layers = []
    for _ in range(60):
        layers += [nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU()]
    torch.manual_seed(0)
    finding = igt.inspect(nn.Sequential(*layers), drawn(64, 32)).findings[0]
    assert finding.code == "exploding-backward"
    assert "without normalization" not in finding.why
    assert "norms" in finding.why


def test_the_numbers_shown_are_those_that_were_judged():
    torch.manual_seed(0)
    report = igt.inspect(chain(depth=40, gain=0.8), drawn(64, 64))
    finding = next(f for f in report.findings if f.code == "vanishing-backward")
    words = finding.measured.split()
    before, after = (float(words[k]) for k in (words.index("at") - 1, words.index("here") - 1))
    decades = float(finding.measured.rpartition("(")[2].split()[0])
    assert math.log10(after / before) == pytest.approx(decades, abs=0.1)


class Sums(nn.Module):
    """Layers whose results are summed in one of several ways."""

    def __init__(self, kind, depth=6, width=32):
        super().__init__()
        self.kind, self.layers = kind, nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        state = torch.zeros_like(x)
        for layer in self.layers:
            z = layer(x)
            if self.kind == "waves":
                x = torch.cos(z) + torch.sin(z)
            elif self.kind == "activation":
                x = z + 0.1 * torch.tanh(z)
            elif self.kind == "membrane":
                for _ in range(3):
                    state = 0.9 * state + layer(x)
                x = torch.sigmoid(5 * (state - 1))
            else:
                x = x + torch.tanh(z)
        return self.head(x)


@pytest.mark.parametrize(
    ("kind", "residual"), [("waves", False), ("activation", False), ("membrane", False), ("skip", True)]
)
def test_only_a_signal_plus_what_weights_make_of_it_is_a_residual_stream(kind, residual):
    torch.manual_seed(0)
    table = igt.inspect(Sums(kind), drawn(32, 32)).table
    assert any(one.residual for one in chains(table)) == residual


def test_a_collapse_is_placed_where_rounding_begins_not_by_its_noise():
    """Far below single precision the cosine is noise: the last bits of the inputs must not move the finding."""
    torch.manual_seed(0)
    layers = [part for _ in range(30) for part in (nn.Linear(64, 64), nn.ReLU())]
    model, x = nn.Sequential(*layers, nn.Linear(64, 10)), torch.randn(64, 64)
    found = set()
    for k in range(6):
        report = igt.inspect(model, x * (1 + 1e-7 * k))
        found |= {(f.path, f.measured, f.why) for f in report.findings if f.code == "rank-collapse"}
    assert len(found) == 1


def test_a_gated_stack_is_told_the_gain_that_its_gates_need():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64, 128) for _ in range(20))
            self.answer = nn.Linear(64, 10)

        def forward(self, x):
            for one in self.layers:
                x = F.glu(one(x))
            return self.answer(x)

    torch.manual_seed(0)
    report = igt.inspect(Gated(), (drawn(64, 64), torch.arange(64) % 10), "cross_entropy")
    said = re.search(r"in front of glu, which needs ([\d.]+)", report.cause)
    assert said
    # what comes back through gates of signals of size 1 and weights of that gain keeps its length
    weight = drawn(2048, 1024) * float(said[1]) / 1024**0.5
    signal = drawn(2048, 2048, seed=1).requires_grad_()
    back = drawn(2048, 1024, seed=2)
    (gradient,) = torch.autograd.grad(F.glu(signal), signal, back)
    assert float((gradient @ weight).square().mean() / back.square().mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("measured", "found"), [(False, 0), (True, 1)])
def test_what_a_node_is_another_shape_of(measured, found):
    kinds = ("weight", "shape", "shape", "shape")
    nodes = [SimpleNamespace(index=k, kind=kind, inputs=(k - 1,) * (k > 0)) for k, kind in enumerate(kinds)]
    table = SimpleNamespace(node=nodes.__getitem__, forward={1: None})
    assert under_shapes(table, nodes[3], measured=measured).index == found
