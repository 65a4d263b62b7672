"""Queries and keys whose logits nothing scales start smaller; those of ordinary attention as before."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402

HEADS, SIZE = 4, 16


class Attention(nn.Module):
    """Attention whose logits are scaled by `scale`, fused or written out; None: as usual."""

    def __init__(self, scale=None, fused=True):
        super().__init__()
        width = HEADS * SIZE
        self.norm = nn.LayerNorm(width)
        self.a, self.b, self.c, self.d = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.scale, self.fused = scale, fused

    def forward(self, x):
        z = self.norm(x)
        q, k, v = (m(z).unflatten(-1, (HEADS, SIZE)).transpose(1, 2) for m in (self.a, self.b, self.c))
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        else:
            logits = q @ k.transpose(-1, -2)
            usual = SIZE**-0.5 if self.scale is None else self.scale
            mixed = (logits if usual == 1 else logits * usual).softmax(-1) @ v
        return x + self.d(mixed.transpose(1, 2).flatten(-2))


def logits(model, x):
    """Standard deviation of what goes into the softmax."""
    z = model.norm(x)
    q, k = (m(z).unflatten(-1, (HEADS, SIZE)).transpose(1, 2) for m in (model.a, model.b))
    scale = SIZE**-0.5 if model.scale is None else model.scale
    return float((q @ k.transpose(-1, -2) * scale).std())


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_logits_have_size_one_whatever_scales_them(scale, fused):
    torch.manual_seed(0)
    model, x = Attention(scale, fused), torch.randn(16, 24, HEADS * SIZE)
    plan = igt.plan(model, x)
    expected = 1.0 if scale is None else SIZE**-0.25
    for name in ("a.weight", "b.weight"):
        assert plan[name].gain == pytest.approx(expected, rel=1e-6), plan[name].reason
    assert plan["c.weight"].gain == pytest.approx(1.0, rel=1e-6)
    igt.init_(model, x, keep_healthy=False)
    with torch.no_grad():
        assert logits(model, x) == pytest.approx(1.0, rel=0.1)


def test_another_scale_of_a_fused_attention_counts():
    plan = igt.plan(Attention(4 / math.sqrt(SIZE)), torch.randn(4, 8, HEADS * SIZE))
    assert plan["a.weight"].gain == pytest.approx(0.5, rel=1e-6)
