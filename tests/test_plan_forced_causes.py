"""What made starts train worse than the models' own ones: hidden streams, averaged values, shrunken kernels."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Attending(nn.Module):
    """A layer with norms behind its sums, whose logits are added to those of the layer before."""

    def __init__(self, width=16):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, scores=None):
        own = self.q(x) @ self.k(x).transpose(1, 2) / 4
        scores = own if scores is None else own + scores
        x = self.first(x + self.out(torch.softmax(scores, -1) @ self.v(x)))
        return self.second(x + self.down(torch.relu(self.up(x)))), scores


class Scored(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.head = nn.Linear(8, 16), nn.Linear(16, 3)
        self.layers = nn.ModuleList(Attending() for _ in range(3))

    def forward(self, x):
        x, scores = self.enter(x), None
        for layer in self.layers:
            x, scores = layer(x, scores)
        return self.head(x)


def test_logits_that_are_added_up_hide_no_sum_of_the_stream():
    made = igt.plan(Scored(), torch.randn(4, 5, 8))
    ends = [f"layers.{k}.{name}.weight" for k in range(3) for name in ("out", "down")]
    gains = [made[end].gain / (math.sqrt(2) if "down" in end else 1) for end in ends]
    assert gains == pytest.approx([6**-0.25] * 6)


class Neighbours(nn.Module):
    """Values of all nodes, weighed by their logits' exponentials and added up node by node, beside a map."""

    def __init__(self, width=16):
        super().__init__()
        self.q, self.k, self.v, self.skip = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, source, target):
        logits = (self.q(x)[target] * self.k(x)[source]).sum(-1, keepdim=True) / 4
        shares = logits.exp()
        total = torch.zeros(len(x), 1).index_add(0, target, shares)
        read = torch.zeros_like(x).index_add(0, target, self.v(x)[source] * (shares / total[target]))
        return read + self.skip(x)


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.head = nn.Linear(8, 16), nn.Linear(16, 3)
        self.layers = nn.ModuleList(Neighbours() for _ in range(3))

    def forward(self, x, source, target):
        x = self.enter(x)
        for layer in self.layers:
            x = torch.relu(layer(x, source, target))
        return self.head(x)


def test_values_that_an_attention_averages_share_their_sum_with_the_map_beside_them():
    source, target = torch.arange(32).repeat(4), torch.randint(32, (128,))
    target[:32] = torch.arange(32)
    made = igt.plan(Graph(), (torch.randn(32, 8), source, target))
    for layer in ("layers.1", "layers.2"):
        gains = {name: made[f"{layer}.{name}.weight"].gain for name in ("q", "k", "v", "skip")}
        assert gains == pytest.approx({"q": math.sqrt(2), "k": math.sqrt(2), "v": 1.0, "skip": 1.0})


class Mixing(nn.Module):
    """Branches behind norms: one ends in a depthwise kernel, the other in a map of all channels."""

    def __init__(self, width=16):
        super().__init__()
        self.norm, self.then = nn.GroupNorm(1, width), nn.GroupNorm(1, width)
        self.near = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.up, self.down = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, width, 1)

    def forward(self, x):
        x = x + self.near(self.norm(x))
        return x + self.down(torch.relu(self.up(self.then(x))))


def test_a_branch_that_ends_in_kernels_of_single_channels_keeps_its_size():
    model = nn.Sequential(
        nn.Conv2d(3, 16, 1), *(Mixing() for _ in range(4)), nn.Flatten(), nn.Linear(1024, 3)
    )
    made = igt.plan(model, torch.randn(4, 3, 8, 8))
    assert [made[f"{k}.near.weight"].gain for k in range(1, 5)] == pytest.approx([1.0] * 4)
    assert [made[f"{k}.down.weight"].gain for k in range(1, 5)] == pytest.approx([math.sqrt(2 / 8)] * 4)
