# ruff: noqa: NPY002  (the old global generator is what must stay as it was)
"""Nothing changes, whatever happens: parameters, buffers, gradients, mode, hooks, random states."""

from __future__ import annotations

import copy
import dataclasses
import random
import subprocess
import sys
from collections import UserDict, deque

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError  # noqa: E402


def bytes_of(tensor):
    return tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def state(model):
    """Everything an inspection might have touched."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "values": {n: bytes_of(t) for n, t in [*model.named_parameters(), *model.named_buffers()]},
        "identity": [id(t) for t in [*model.parameters(), *model.buffers()]],
        "gradients": [None if p.grad is None else (id(p.grad), bytes_of(p.grad)) for p in model.parameters()],
        "trainable": [t.requires_grad for t in [*model.parameters(), *model.buffers()]],
        "modes": [m.training for m in model.modules()],
        "hooks": [[dict(getattr(m, name)) for name in hooks] for m in model.modules()],
        "attributes": [sorted(m.__dict__) for m in model.modules()],
        "tensor hooks": [dict(p._backward_hooks or {}) for p in model.parameters()],
        "random": (bytes_of(torch.get_rng_state()), random.getstate(), str(np.random.get_state())),
    }


def unchanged(model, inputs, loss=None):
    before = state(model)
    try:
        return igt.inspect(model, inputs, loss)
    finally:
        assert state(model) == before


class Busy(nn.Module):
    """Draws random numbers, counts, caches, writes buffers and parameters, and changes modes."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(8, 8), nn.BatchNorm1d(8)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("codes", torch.zeros(3))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        self.cache = x.sum()
        self.count += 1
        self.codes.requires_grad_(True)
        self.layer.weight.data.mul_(0.5)
        with torch.no_grad():
            self.layer.bias.add_(1.0)
        random.random()
        np.random.rand()
        self.eval()
        return F.dropout(self.norm(self.layer(x.mul_(2))), 0.5, training=True)


def test_a_model_that_writes_everywhere_is_put_back():
    model = Busy()
    model.layer.weight.grad = torch.ones(8, 8)
    inputs = torch.randn(4, 8)
    kept = inputs.clone()
    unchanged(model, inputs)
    assert torch.equal(inputs, kept)
    assert model.calls == 0
    assert not hasattr(model, "cache")


def test_user_hooks_stay_and_still_work():
    model, seen = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), []
    model[0].register_forward_hook(lambda *_: seen.append(1))
    unchanged(model, torch.randn(4, 4))
    model(torch.randn(4, 4))
    assert len(seen) == 2


class Raises(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.busy, self.error = Busy(), error

    def forward(self, x):
        self.busy(x)
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError("no"), ValueError("bad shape"), torch.OutOfMemoryError("full")]
)
def test_a_model_that_raises_gives_one_error_and_is_put_back(error):
    with pytest.raises(InspectError, match=r"the model raised in forward.*(no|bad shape|out of memory)"):
        unchanged(Raises(error), torch.randn(4, 8))


def test_a_keyboard_interrupt_passes_and_the_model_is_put_back():
    with pytest.raises(KeyboardInterrupt):
        unchanged(Raises(KeyboardInterrupt()), torch.randn(4, 8))


def test_a_loss_that_raises_is_named():
    def loss(output):
        raise KeyError("labels")

    with pytest.raises(InspectError, match="the loss raised: KeyError"):
        unchanged(nn.Linear(4, 4), torch.randn(2, 4), loss)


def test_a_backward_pass_that_raises_is_named():
    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("not today")

    class Net(nn.Linear):
        def forward(self, x):
            return Node.apply(super().forward(x))

    with pytest.raises(InspectError, match="the backward pass raised"):
        unchanged(Net(4, 4), torch.randn(2, 4))


def test_nan_everywhere():
    model = nn.Linear(4, 4)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    report = unchanged(model, torch.randn(3, 4))
    assert report.findings[0].code == "non-finite"


def test_no_parameters():
    report = unchanged(nn.ReLU(), torch.randn(3, 4))
    assert report.verdict == "healthy"
    assert any("nothing the model returns depends" in reason for reason in report.coverage.skipped)
    assert report.coverage.parameters == 0


def test_integer_outputs():
    class Net(nn.Linear):
        def forward(self, x):
            return super().forward(x).argmax(-1)

    report = unchanged(Net(4, 4), torch.randn(3, 4))
    assert report.verdict == "critical"
    assert report.findings[0].code == "unused-parameter"


def test_all_frozen():
    report = unchanged(
        nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)).requires_grad_(False), torch.randn(3, 4)
    )
    assert report.verdict == "healthy"
    assert any("gradients" in reason for reason in report.coverage.skipped)


def test_batch_of_one_says_what_it_could_not_see():
    report = unchanged(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(1, 4))
    assert any("batch of one" in reason for reason in report.coverage.skipped)


def test_evaluation_mode_is_kept_and_said():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval()
    report = unchanged(model, torch.randn(5, 4))
    assert any("evaluation mode" in reason for reason in report.coverage.skipped)


def test_meta_device_is_reported_not_run():
    with torch.device("meta"):
        model = nn.Linear(4, 4)
    report = igt.inspect(model, torch.randn(2, 4))
    assert [finding.code for finding in report.findings] == ["uninitialized"]
    assert report.coverage.share == 0


def test_lazy_and_wrong_arguments():
    with pytest.raises(InspectError, match="lazy"):
        igt.inspect(nn.LazyLinear(3), torch.randn(2, 4))
    with pytest.raises(InspectError, match=r"torch\.nn\.Module"):
        igt.inspect(lambda x: x, torch.randn(2, 4))
    with pytest.raises(InspectError, match="callable"):
        igt.inspect(nn.Linear(4, 4), torch.randn(2, 4), loss=3)
    with pytest.raises(InspectError, match="must give a tensor"):
        igt.inspect(nn.Linear(4, 4), torch.randn(2, 4), loss=lambda output: 3.0)


@dataclasses.dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


@pytest.mark.parametrize(
    "wrap", [dict, UserDict, lambda d: Output(**d), lambda d: tuple(d.values()), lambda d: [d]]
)
def test_outputs_of_every_shape(wrap):
    class Net(nn.Linear):
        def forward(self, x, scale=1.0):
            return wrap({"logits": super().forward(x) * scale})

    report = unchanged(Net(4, 4), {"x": torch.randn(3, 4), "scale": 2.0})
    assert report.table.loss_source == "random projection"
    assert math_is_finite(report.table.loss_value)
    assert all(state.gradient is not None for state in report.table.parameters.values())


def math_is_finite(value):
    return value == value and abs(value) != float("inf")


def test_compiled_models_are_looked_into():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    wrapped = torch.compile(model, backend="eager")
    report = igt.inspect(wrapped, torch.randn(3, 4))
    assert [layer.path for layer in report.layers if layer.kind == "weight"] == ["0", "2"]


def test_what_a_model_compiles_on_its_way_runs_as_written():
    """In a process of its own, as the compiler is not loaded before."""
    code = """
import sys, torch, isogain.torch as igt
from torch import nn

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 2)
    def inner(self, x):
        return torch.relu(self.b(torch.relu(self.a(x))))
    def forward(self, x):
        return self.c(torch.compile(self.inner, backend="eager")(x))

compile, before = torch.compile, "torch._dynamo" in sys.modules
report = igt.inspect(Lazy(), torch.randn(16, 8))
print(before, "torch._dynamo" in sys.modules, torch.compile is compile)
print([layer.path for layer in report.layers if layer.kind == "weight"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False True True", "['a', 'b', 'c']"]


class Remembering(nn.Module):
    """Keeps what it computed in containers of its own, as spiking neurons keep their potentials."""

    def __init__(self):
        super().__init__()
        self.layer, self.memory, self.seen = nn.Linear(4, 3), {"v": 0.0}, []
        self.last, self.pair = deque(maxlen=2), ({}, 3)

    def forward(self, x):
        y = self.layer(x)
        self.memory["v"] = self.memory["v"] + y
        self.seen.append(y)
        self.last.append(y)
        return y


def test_what_a_model_keeps_in_containers_is_as_before():
    model = Remembering()
    memory, seen, last, pair = model.memory, model.seen, model.last, model.pair
    igt.inspect(model, torch.randn(8, 4))
    assert model.memory is memory
    assert model.seen is seen
    assert model.last is last
    assert model.pair is pair
    assert (memory, seen, list(last), pair) == ({"v": 0.0}, [], [], ({}, 3))
    copy.deepcopy(model)
