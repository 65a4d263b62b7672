"""Positions behind attentions that only the gates of cells carry a token past."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.report.chinese import chinese  # noqa: E402


class Gated(nn.Module):
    """Attentions whose results a cell takes up, its state the token itself."""

    def __init__(self, layers=8, width=32):
        super().__init__()
        self.embed = nn.Embedding(40, width)
        self.maps = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.cells = nn.ModuleList(nn.GRUCell(width, width) for _ in range(layers))
        self.head = nn.Linear(width, 40)

    def forward(self, ids):
        x = self.embed(ids)
        for norm, project, cell in zip(self.norms, self.maps, self.cells, strict=True):
            q, k, v = project(norm(x)).chunk(3, -1)
            mixed = nn.functional.scaled_dot_product_attention(q, k, v)
            x = cell(mixed.flatten(0, 1), x.flatten(0, 1)).view_as(x)
        return self.head(x)


def told(model):
    torch.manual_seed(1)
    found = igt.inspect(model, torch.randint(0, 40, (16, 24))).findings
    return [one for one in found if one.code == "rank-collapse" and "attention" in one.why]


def opened(model):
    """The gates that let the state through, open by a bias of 2."""
    with torch.no_grad():
        for cell in model.cells:
            cell.bias_hh[cell.hidden_size : 2 * cell.hidden_size] += 2
    return model


def test_gates_are_named_and_a_bias_mends():
    torch.manual_seed(0)
    model = Gated()
    found = told(model)
    assert len(found) == 1
    assert "through the gates of 8 cells alone" in found[0].why
    assert "as x = x + attention" not in found[0].why
    assert "8 个单元的门" in chinese(found[0].why)
    assert not told(opened(model))
