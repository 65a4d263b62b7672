"""What is a bias where it is worked out from parameters, the weight's own among them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402


class Combined(nn.Module):
    """A convolution over time and one over sensors as a single one: both have a part in its bias."""

    def __init__(self):
        super().__init__()
        self.time = nn.Conv2d(1, 6, (5, 1))
        self.space = nn.Conv2d(6, 6, (1, 8), bias=False)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        weight = (self.time.weight * self.space.weight.permute(1, 0, 2, 3)).sum(0).unsqueeze(1)
        bias = self.space.weight.squeeze().sum(-1).mm(self.time.bias.unsqueeze(-1)).squeeze()
        return self.head(F.relu(F.conv2d(x, weight, bias)).mean((2, 3)))


class Folded(nn.Module):
    """A convolution with a norm folded into it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 3)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        nn.init.normal_(self.norm.bias, 0, 0.1)

    def forward(self, x):
        scale = self.norm.weight / (self.norm.running_var + 1e-5).sqrt()
        bias = self.norm.bias - (self.norm.running_mean + 0.1) * scale
        return self.head(
            F.relu(F.conv2d(x, self.conv.weight * scale[:, None, None, None], bias)).mean((2, 3))
        )


@pytest.mark.parametrize(
    ("make", "weight", "bias"),
    [(Combined, "space.weight", "time.bias"), (Folded, "conv.weight", "norm.bias")],
)
def test_no_part_of_the_weight_is_its_bias(make, weight, bias):
    torch.manual_seed(0)
    model, x, y = make(), torch.randn(32, 1, 20, 8), torch.randint(0, 3, (32,))
    plan = igt.plan(model, x)
    use = next(node.weight for node in igt.inspect(model, x).table.graph.nodes if node.op == "conv2d")
    assert (use.name, use.bias) == (weight, bias)
    assert plan[weight].role != "bias"
    before = dict(model.named_parameters())[weight].detach().clone()
    igt.init_(model, x, loss=lambda o: F.cross_entropy(o, y), rates=False, keep_healthy=False)
    after = dict(model.named_parameters())[weight]
    assert float(after.detach().std()) > 0.3 * float(before.std())


def test_a_bias_that_is_the_weight_alone_is_none():
    """A layer moved by its own weights' sums: there is no bias to start at 0."""

    class Moved(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.head = nn.Parameter(torch.randn(8, 8) / 3), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(F.relu(F.linear(x, self.weight, self.weight.sum(1))))

    graph = igt.inspect(Moved(), torch.randn(32, 8)).table.graph
    use = next(node.weight for node in graph.nodes if node.op == "linear")
    assert (use.name, use.bias) == ("weight", None)
