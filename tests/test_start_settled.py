"""What one value settles and only a batch shows: ends of adapters at 0, biases of detection heads at a prior."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import isogain.torch as igt  # noqa: E402
from corpus import closer  # noqa: E402

WIDTH = 24


class Within(nn.Module):
    """A layer whose frozen weight gets B A, or (B A) * (D C), added."""

    def __init__(self, layer, end, factors=1):
        super().__init__()
        self.layer = layer
        self.down = nn.ParameterList([torch.randn(4, WIDTH) / 5 for _ in range(factors)])
        self.up = nn.ParameterList([end * torch.randn(WIDTH, 4) for _ in range(factors)])

    def forward(self, x):
        change = math.prod(up @ down for up, down in zip(self.up, self.down, strict=True))
        return functional.linear(x, self.layer.weight + change, self.layer.bias)


class Pretrained(nn.Module):
    """Frozen residual layers, each with an adapter of the kind that is made of it."""

    def __init__(self, adapt):
        super().__init__()
        torch.manual_seed(0)
        frozen = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(4)]).requires_grad_(False)
        self.head = nn.Linear(WIDTH, 5).requires_grad_(False)
        self.layers = nn.ModuleList(map(adapt, frozen))

    def forward(self, x):
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        return self.head(x)


class Beside(nn.Module):
    """W x + B A x, W x + B relu(A x), or a bottleneck behind the layer."""

    def __init__(self, layer, end, kind):
        super().__init__()
        self.layer, self.kind = layer, kind
        self.down, self.up = nn.Linear(WIDTH, 4), nn.Linear(4, WIDTH)
        nn.init.normal_(self.up.weight, 0, end) if end else nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        made = self.layer(x)
        low = self.down(made if self.kind == "behind" else x)
        return made + self.up(low if self.kind == "lora" else torch.relu(low))


KINDS = {
    "lora": lambda end: lambda layer: Beside(layer, end, "lora"),
    "parallel": lambda end: lambda layer: Beside(layer, end, "parallel"),
    "behind": lambda end: lambda layer: Beside(layer, end, "behind"),
    "within": lambda end: lambda layer: Within(layer, end),
    "hadamard": lambda end: lambda layer: Within(layer, end, 2),
}


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_that_is_not_neutral_becomes_so(kind, forced):
    x, y = torch.randn(64, WIDTH), torch.randint(0, 5, (64,))
    pretrained, model = Pretrained(lambda layer: layer), Pretrained(KINDS[kind](0.3))
    for own, other in zip(model.layers, pretrained.layers, strict=True):
        own.layer.load_state_dict(other.state_dict())
    model.head.load_state_dict(pretrained.head.state_dict())
    assert not torch.allclose(model(x), pretrained(x), rtol=0.1)
    frozen = {name: p.clone() for name, p in model.named_parameters() if not p.requires_grad}
    receipt = igt.init_(
        model, x, loss=lambda o: functional.cross_entropy(o, y), rates=False, keep_healthy=not forced
    )
    assert torch.equal(model(x), pretrained(x))
    assert all(torch.equal(model.get_parameter(name), value) for name, value in frozen.items())
    assert {one.law for one in receipt.written} == {"Zeros()"}
    functional.cross_entropy(model(x), y).backward()
    grown = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None and p.grad.any()]
    assert len(grown) >= len(model.layers)  # the zero factor of each learns, and so do the others after it


def test_neutral_ones_and_those_that_the_base_made_room_for_are_left():
    x = torch.randn(64, WIDTH)
    taken = Pretrained(KINDS["within"](0.3))
    for layer in taken.layers:
        u, s, v = torch.linalg.svd(layer.layer.weight.detach())
        layer.up[0].data, layer.down[0].data = u[:, :4] * s[:4], v[:4].clone()
        layer.layer.weight.data -= layer.up[0].data @ layer.down[0].data
    for model in (Pretrained(KINDS["lora"](0.0)), taken):
        before = [p.clone() for p in model.parameters()]
        assert not igt.init_(model, x, keep_healthy=False).written
        assert all(map(torch.equal, model.parameters(), before))


QUESTIONS, CLASSES, YES = 80, 20, 6


class Detector(nn.Module):
    """A body, and a head for each of two levels, returned as it is asked."""

    def __init__(self, returned):
        super().__init__()
        torch.manual_seed(1)
        self.returned = returned
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, 4, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.near, self.far = (nn.Conv2d(16, CLASSES, 1) for _ in range(2))
        self.boxes = nn.Conv2d(16, CLASSES + 4, 1)

    def forward(self, x):
        p = self.body(x)
        levels = p, functional.max_pool2d(p, 2)
        if self.returned == "boxes too":
            return torch.cat([self.boxes(one).flatten(2) for one in levels], 2).mT
        found = [head(one).flatten(2).mT for head, one in zip((self.near, self.far), levels, strict=True)]
        if self.returned == "levels":
            return found
        made = torch.cat(found, 1)
        return made.sigmoid() if self.returned == "probabilities" else made


def asked(returned):
    """A loss of yes or no, divided by the few yes, and what it costs at best."""
    generator = torch.Generator().manual_seed(2)
    targets = torch.zeros(2, QUESTIONS, CLASSES)
    for picture in targets:
        where = torch.randint(0, QUESTIONS, (YES,), generator=generator)
        picture[where, torch.randint(0, CLASSES, (YES,), generator=generator)] = 1
    binary = functional.binary_cross_entropy_with_logits
    kinds = {
        "levels": lambda o: binary(torch.cat(o, 1), targets, reduction="sum"),
        "one": lambda o: binary(o, targets, reduction="sum"),
        "probabilities": lambda o: functional.binary_cross_entropy(o, targets, reduction="sum"),
        "boxes too": lambda o: binary(o[..., 4:], targets, reduction="sum") + o[..., :4].abs().mean(),
    }
    return (lambda output: kinds[returned](output) / targets.sum()), float(targets.mean())


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("returned", ["one", "levels", "probabilities"])
def test_a_prior_that_is_missing_is_set_on_every_head(returned, forced):
    loss, share = asked(returned)
    model, x = Detector(returned), torch.randn(2, 3, 32, 32)
    before = loss(model(x)).item()
    igt.init_(model, x, loss=loss, rates=False, keep_healthy=not forced)
    for head in (model.near, model.far):
        assert head.bias.unique().numel() == 1
        assert float(head.bias[0]) == pytest.approx(math.log(share / (1 - share)), abs=0.3)
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert before > 50
    assert loss(model(x)).item() < 1.3 * entropy / share


def test_what_is_well_but_for_its_prior_keeps_the_rest():
    loss, _ = asked("one")
    model, x = Detector("one"), torch.randn(2, 3, 32, 32)
    before = {name: p.clone() for name, p in model.named_parameters()}
    receipt = igt.init_(model, x, loss=loss, rates=False)
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"near.bias", "far.bias"} == {one.path for one in receipt.written}


def test_a_bias_that_answers_other_questions_too_keeps_them():
    loss, _ = asked("boxes too")
    model, x = Detector("boxes too"), torch.randn(2, 3, 32, 32)
    assert "initial-loss" in {finding.code for finding in igt.inspect(model, x, loss).findings}
    igt.init_(model, x, loss=loss, rates=False)
    assert float(model.boxes.bias.abs().max()) < 0.5


def test_excluded_biases_keep_what_they_have():
    loss, _ = asked("one")
    model, x = Detector("one"), torch.randn(2, 3, 32, 32)
    before = model.near.bias.clone()
    igt.init_(model, x, loss=loss, rates=False, exclude="near.bias", keep_healthy=False)
    assert torch.equal(model.near.bias, before)
    assert float(model.far.bias[0]) < -3


def test_an_adapter_of_the_corpus_is_mended():
    model, x, loss = closer.vectors(closer.adapted(lambda: closer.Bottleneck(0.3, "beside")))
    igt.init_(model, x, loss=loss, rates=False)
    assert "adapter-not-neutral" not in {finding.code for finding in igt.inspect(model, x, loss).findings}
