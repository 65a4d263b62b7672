"""Where numbers first stop being finite: the operation is named, and what it reads, in the model or its loss."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.report.chinese import chinese  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def why(model, inputs, loss=None):
    found = igt.inspect(model, inputs, loss).findings[0]
    assert found.code == "non-finite"
    said = chinese(found.why)
    assert not re.search("places|numbers|reads", said), said
    return found.why


def network(width=4):
    return nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, width))


def test_a_masked_answer_that_is_multiplied():
    """p log p of what a mask forbids is 0 times infinity."""
    mask = torch.rand(16, 4) > 0.5
    mask[:, 0] = False

    def entropy(answers):
        logits = answers.masked_fill(mask, -torch.inf)
        return (logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()

    said = why(network(), torch.randn(16, 8), entropy)
    assert said.startswith(f"0 times infinity in {int(mask.sum())} of 64 places")


def test_a_row_that_a_mask_hides_whole():
    mask = torch.zeros(16, 4, dtype=torch.bool)
    mask[3] = True
    said = why(
        network(), torch.randn(16, 8), lambda a: a.masked_fill(mask, -torch.inf).softmax(-1)[:, 0].sum()
    )
    assert said.startswith("a softmax over places that are all masked, in 4 of 64 places")


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            lambda a: -((-((a - 50) ** 2)).exp()).log().mean(),
            "the logarithm of 0, as exp of what is far below",
        ),
        (lambda a: (a - 100).log().mean(), r"the logarithm of numbers below 0 \(64\), in 64 of 64 places"),
        (lambda a: (a - 100).sqrt().mean(), "the root of numbers below 0, in 64 of 64 places"),
        (lambda a: (1 / (a - a)).mean(), "a division by 0 in 64 of 64 places"),
        (lambda a: (a.abs() + 100).exp().mean(), r"e raised to 10\d is more than float32 holds, in 64 of 64"),
    ],
)
def test_the_loss_itself(loss, words):
    assert re.match(words, why(network(), torch.randn(16, 8), loss))


class Normed(nn.Module):
    """Divides sums by a count that nobody has counted yet (running statistics of another framework)."""

    def __init__(self, count) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 4)
        self.register_buffer("total", torch.zeros(16))
        self.register_buffer("count", torch.tensor(float(count)))

    def forward(self, x):
        return self.last(torch.relu(self.first(x) - self.total / self.count))


def test_a_constant_is_named_by_what_it_is_made_of():
    said = why(Normed(0), torch.randn(16, 8))
    assert "a division by 0" in said
    assert "(total, count)" in said
    assert not igt.inspect(Normed(1), torch.randn(16, 8)).findings


def test_a_module_is_named_where_it_lies_in_one():
    class Rooted(nn.Module):
        def forward(self, x):
            return (x - 100).sqrt() * 2.0

    model = nn.Sequential(nn.Linear(8, 16), Rooted(), nn.Linear(16, 4))
    assert why(model, torch.randn(16, 8)).startswith("at 1, the root of numbers below 0, in 256 of 256")


def test_masks_are_no_fault():
    mask = torch.eye(4, dtype=torch.bool).repeat(4, 1)
    report = igt.inspect(
        network(), torch.randn(16, 8),
        lambda a: F.cross_entropy(a.masked_fill(mask, -torch.inf), (torch.arange(16) + 1) % 4),
    )  # fmt: skip
    assert all(one.code != "non-finite" for one in report.findings)
