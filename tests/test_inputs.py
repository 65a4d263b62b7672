"""What `inputs` and `loss` may be: what is understood, and what is said where a call fails on them."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError, IsogainError  # noqa: E402

X, Y = torch.randn(32, 8, generator=torch.Generator().manual_seed(1)), torch.arange(32) % 3


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


class Labelled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, x, labels):
        return F.cross_entropy(self.head(x), labels)


class ByName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, *, x):
        return {"logits": self.head(x)}


def value(report) -> float:
    return report.table.loss_value


def expected(targets=Y) -> float:
    return float(F.cross_entropy(net()(X), targets).detach())


@pytest.mark.parametrize(
    ("inputs", "loss"),
    [
        ((X, Y), "cross_entropy"),
        ([X, Y], F.cross_entropy),
        ((X, Y), nn.CrossEntropyLoss()),
        ((X.double().numpy(), Y.numpy().astype("uint8")), "cross_entropy"),
        ({"input": X, "labels": Y}, "cross_entropy"),
        (DataLoader(TensorDataset(X, Y), batch_size=32), "cross_entropy"),
        ((X, Y[:, None]), "cross_entropy"),
        ((X, F.one_hot(Y, 3).float()), "cross_entropy"),
        (X, lambda output: F.cross_entropy(output, Y)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_targets_reach_the_loss(inputs, loss):
    """Against the loss worked out by hand."""
    report = igt.inspect(net(), inputs, loss)
    assert value(report) == pytest.approx(expected(), rel=1e-5)
    assert report.table.losses[0].chance == pytest.approx(math.log(3))


def test_losses_by_name_against_their_formulas():
    model, y = nn.Linear(8, 1), torch.randn(32)
    found = value(igt.inspect(model, (X, y), "mse"))
    assert found == pytest.approx(float((model(X)[:, 0] - y).square().mean()), rel=1e-5)
    asked, z = (y > 0).float(), model(X)[:, 0].double()
    by_hand = -(asked * torch.sigmoid(z).log() + (1 - asked) * torch.sigmoid(-z).log()).mean()
    assert value(igt.inspect(model, (X, y > 0), "bce")) == pytest.approx(float(by_hand), rel=1e-5)


def test_classes_along_the_last_axis_and_along_axis_1():
    tokens, labels = torch.randint(7, (4, 5)), torch.randint(7, (4, 5))
    model = nn.Embedding(7, 7)
    by_rows = F.cross_entropy(model(tokens).flatten(0, 1), labels.flatten())
    assert value(igt.inspect(model, (tokens, labels), "cross_entropy")) == pytest.approx(float(by_rows))
    pixels, classes = torch.randn(2, 3, 5, 6), torch.randint(4, (2, 5, 6))
    conv = nn.Conv2d(3, 4, 1)
    by_pixels = F.cross_entropy(conv(pixels), classes)
    assert value(igt.inspect(conv, (pixels, classes), "cross_entropy")) == pytest.approx(float(by_pixels))


def test_logits_of_an_output_that_holds_several():
    model = ByName()
    by_hand = F.cross_entropy(model.head(X), Y)
    assert value(igt.inspect(model, {"x": X, "y": Y}, "cross_entropy")) == pytest.approx(float(by_hand))


def test_a_loader_gives_its_first_batch_and_no_random_state_moves():
    loader = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True)
    model = net()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    report = igt.inspect(model, loader)
    igt.plan(model, loader)
    assert report.table.batch == 16
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002


def test_arrays_become_the_models_own_float():
    half = net().to(torch.bfloat16)
    assert "bfloat16 32×8" in igt.inspect(half, X.double().numpy()).table.settings["inputs"]
    assert "int64" in igt.inspect(nn.Embedding(9, 4), np.arange(8, dtype=np.uint16)).table.settings["inputs"]


def test_every_function_takes_the_same():
    loader = DataLoader(TensorDataset(X, Y), batch_size=32)
    receipt = igt.init_(net(), loader, loss="cross_entropy", keep_healthy=False)
    again = igt.init_(net(), X, loss=lambda output: F.cross_entropy(output, Y), keep_healthy=False)
    assert receipt.plan_hash == again.plan_hash
    assert [one.high for one in receipt.rates] == [one.high for one in again.rates]
    compared = igt.compare(net(), (X, Y), ("current", "init_"), seeds=1, loss="cross_entropy", train=3)
    assert all(math.isfinite(one.losses[0]) for one in compared.ranking)
    assert igt.rate_range(net(), loader, "cross_entropy").high > 0
    assert igt.Monitor(net(), loader, "cross_entropy").snapshots[0].report.table.loss_source == "loss"
    assert isinstance(igt.lsuv_(net(), X.numpy(), seed=0), nn.Module)
    assert igt.init_(net()).plan_hash == igt.plan(net()).hash


@pytest.mark.parametrize(
    ("model", "inputs", "loss", "message"),
    [
        (net, (X, Y), None, "loss='cross_entropy'"),
        (net, [X, Y], None, "loss='cross_entropy'"),
        (net, (32, 8), None, r"torch.randn\(32, 8\)"),
        (net, TensorDataset(X, Y), None, "DataLoader"),
        (net, iter([X]), None, r"next\(iterator\)"),
        (net, np.array(["a"]), None, "array of <U1"),
        (net, np.array([object()]), None, "array of object"),
        (net, None, None, r"torch.randn\(2, 8\)"),
        (lambda: nn.Embedding(9, 4), None, None, "torch.randint"),
        (Labelled, X, None, "'labels': ..."),
        (Labelled, {"x": X}, None, "'labels': ..."),
        (ByName, X, None, "{'x': ...}"),
        (net, {"pixels": X}, None, "keyword arguments pixels"),
        (net, {"input": [[1, 2], [3, 4]]}, None, "return_tensors='pt'"),
        (net, "hello", None, "tokenizer"),
        (net, ["hello", "you"], None, "tokenizer"),
        (lambda: net().half(), X, None, r"float16, inputs in float32: inputs.to\(torch.float16\)"),
        (net, torch.randn(4, 9), None, "float32 4×9"),
        (net, X, F.cross_entropy, "lambda output: torch.nn.functional.cross_entropy"),
        (net, X, "cross_entropy", r"inputs=\(x, y\)"),
        (net, (X, Y), "crossentropy", "did you mean 'cross_entropy'"),
        (net, (X, Y), nn.CrossEntropyLoss, r"forget the \(\)"),
        (net, (X, Y + 5), "cross_entropy", "class 7, and the model has 3"),
        (net, (X, torch.randn(32)), "mse", r"\(32, 3\) and the targets \(32,\)"),
        (net, X, 3, "'bce', got 3"),
        (lambda: net, X, None, "torch.nn.Module, got function"),
        (lambda: nn.Linear, X, None, r"class Linear.*forget the \(\)"),
        (net, DataLoader(TensorDataset(X[:0])), None, "without a batch"),
    ],
)
def test_what_is_wrong_is_said_once_and_clearly(model, inputs, loss, message):
    with pytest.raises(InspectError, match=message):
        igt.inspect(model(), inputs, loss)
    if inputs is not None:
        with pytest.raises(InspectError, match=message):
            igt.init_(model(), inputs, loss=loss)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: igt.init_(net(), X, sed=0), "did you mean 'seed'"),
        (lambda: igt.plan(net(), X, recipe="gpt-2"), "did you mean 'gpt2'"),
        (lambda: igt.plan(net(), X, recipe="mup", bas=4), "did you mean 'base'"),
        (lambda: igt.plan(net(), X, recipe="zzz"), "there are 'default'"),
    ],
)
def test_misspelt_words_have_a_neighbour(call, message):
    with pytest.raises(IsogainError, match=message):
        call()


def test_a_models_own_mistake_stays_its_own():
    class Broken(nn.Linear):
        def forward(self, x):
            raise KeyError("nothing to do with inputs")

    with pytest.raises(InspectError, match="KeyError: 'nothing to do with inputs'"):
        igt.inspect(Broken(8, 2), X)


def test_what_cannot_be_judged_is_remarked_on():
    skipped = " ".join(igt.inspect(net().eval(), X[:1]).coverage.skipped)
    assert "a batch of one" in skipped
    assert "evaluation mode" in skipped
    assert "are the same" in " ".join(igt.inspect(net(), torch.zeros(4, 8)).coverage.skipped)
