"""Starts that look wrong and are not: gates of zeros behind masks, plain masks, padding behind norms, few scales."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.torch.inspection.inspecting import measure  # noqa: E402
from isogain.torch.measure.attention import _attention  # noqa: E402


class Coupling(nn.Module):
    """Half of the axes, masked by a product, says how the others move; its end is 0 at the start."""

    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 4))
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)

    def forward(self, x):
        return self.mask * x + (1 - self.mask) * (x - self.net(self.mask * x))


def test_a_gate_of_zeros_behind_a_mask_erases_nothing():
    torch.manual_seed(0)
    even = torch.tensor([1.0, 0.0, 1.0, 0.0])
    flow = nn.Sequential(*(Coupling(even if k % 2 else 1 - even) for k in range(6)))
    assert not igt.inspect(flow, torch.randn(128, 4), lambda z: z.square().sum(1).mean() / 2).findings


def test_what_a_plain_number_masks_is_no_logit():
    torch.manual_seed(0)
    logits = 3 * torch.randn(4, 2, 8, 16)
    masked = logits - 100 * (torch.arange(16) % 4 > 0)
    seen, few = _attention(masked), _attention(logits[..., ::4])
    assert seen.keys == few.keys == 4
    assert seen.logits == pytest.approx(few.logits)
    loud = _attention(36 * torch.randn(4, 2, 8, 16))  # that loud is no mask
    assert loud.keys == 16
    assert min(loud.logits) > 25


class Reader(nn.Module):
    """Tokens behind norms without a mean; a token that stands for nothing is a row of zeros."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Embedding(20, 32, padding_idx=0)
        nn.init.normal_(self.rows.weight, std=0.02)
        with torch.no_grad():
            self.rows.weight[0] = 0
        self.maps = nn.ModuleList([nn.Linear(32, 32, bias=False) for _ in range(3)])
        for one in self.maps:
            nn.init.normal_(one.weight, std=1 / math.sqrt(32))
        self.norms = nn.ModuleList([nn.RMSNorm(32, eps=1e-6) for _ in range(3)])
        self.head = nn.Linear(32, 20)

    def forward(self, tokens):
        x = self.rows(tokens)
        for one, norm in zip(self.maps, self.norms, strict=True):
            x = x + one(norm(x))
        return self.head(x)


def test_padding_behind_a_norm_explodes_nowhere():
    torch.manual_seed(0)
    tokens = torch.randint(1, 20, (8, 16))
    padded = tokens.clone()
    padded[:, :3] = 0
    loss = lambda out: F.cross_entropy(out.flatten(0, 1), tokens.flatten())  # noqa: E731
    model = Reader()
    assert not igt.inspect(model, padded, loss).findings
    table = measure(model, padded, loss)
    embedded = next(node.index for node in table.graph.nodes if node.kind == "embedding")
    back, plain = table.backward[embedded], measure(model, tokens, loss).backward[embedded]
    assert back.largest > 1e2 * plain.largest  # it is there, where nothing reads it
    assert back.varying < 3 * plain.varying


@pytest.mark.parametrize(("mean", "found"), [(0.1, False), (0.0, True)])
def test_few_scales_are_judged_together(mean: float, found: bool):
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(6):
        layers += [nn.Conv2d(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU()]
    model = nn.Sequential(nn.Conv2d(1, 12, 3), *layers, nn.Flatten(), nn.Linear(12 * 36, 5))
    for layer in layers[1::3]:
        nn.init.normal_(layer.weight, mean, 0.1)
    layers[1].weight.data.sub_(layers[1].weight.mean() - mean / 2)  # of one, by chance, half of it
    report = igt.inspect(
        model, torch.randn(16, 1, 8, 8), lambda out: F.cross_entropy(out, torch.arange(16) % 5)
    )
    assert any("drawn like weights" in one.why for one in report.findings) == found


class Graph(nn.Module):
    """People and things as rows of one table, spread along a graph; a rating is a product of two rows."""

    def __init__(self, std):
        super().__init__()
        self.rows = nn.Parameter(std * torch.randn(30, 8))

    def forward(self, pairs):
        spread = self.rows + torch.zeros(30, 8).index_add(0, pairs[:, 0], self.rows[pairs[:, 1]])
        return (spread[pairs[:, 0]] * spread[pairs[:, 1]]).sum(1)


def test_a_model_of_one_table_of_zeros_never_moves():
    torch.manual_seed(0)
    pairs, ratings = torch.randint(0, 30, (64, 2)), torch.randn(64)
    loss = lambda out: F.mse_loss(out, ratings)  # noqa: E731
    model = Graph(0.0)
    (found,) = igt.inspect(model, pairs, loss).findings
    assert (found.code, found.severity, found.paths) == ("symmetric-units", "critical", ("rows",))
    exec(found.fix, {"model": model, "torch": torch, "igt": igt})
    assert not igt.inspect(model, pairs, loss).findings
    assert not igt.inspect(Graph(0.3), pairs, loss).findings


@pytest.mark.parametrize("offset", [290.0, 0.0])
def test_a_field_far_from_0_beside_its_coordinates(offset: float):
    torch.manual_seed(0)

    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift, self.out = nn.Conv2d(3, 24, 1), nn.Conv2d(24, 1, 3, padding=1)

        def forward(self, x):
            line = torch.linspace(0, 1, 16)
            grid = torch.stack(torch.meshgrid(line, line, indexing="ij")).expand(len(x), 2, 16, 16)
            return self.out(F.gelu(self.lift(torch.cat([x, grid], 1))))

    x = offset + 3 * torch.randn(8, 1, 16, 16)
    report = igt.inspect(Field(), x, lambda out: F.mse_loss(out, x - x.mean()))
    assert any("one offset for all samples" in one.why for one in report.findings) == (offset != 0)
