"""Quantised weights are left alone and named; what is computed with them is looked at all the same."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import isogain.torch as igt  # noqa: E402
from isogain.errors import DrawError  # noqa: E402


class Codes(torch.Tensor):
    """Integers and a scale for each row, as quantising libraries keep them: few operations know it."""

    codes: torch.Tensor
    scale: torch.Tensor

    @staticmethod
    def __new__(cls, codes: torch.Tensor, scale: torch.Tensor) -> Codes:
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=scale.dtype)

    def __init__(self, codes: torch.Tensor, scale: torch.Tensor) -> None:
        self.codes, self.scale = codes, scale

    def dequantize(self) -> torch.Tensor:
        """The numbers that multiply."""
        return self.codes * self.scale

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.detach.default:
            return cls(args[0].codes, args[0].scale)
        if func in (torch.ops.aten.t.default, torch.ops.aten.addmm.default, torch.ops.aten.mm.default):
            return func(*[one.dequantize() if isinstance(one, cls) else one for one in args])
        raise NotImplementedError(f"no {func} for codes")


def quantised() -> nn.Sequential:
    """A network with codes in its middle."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
    weight = model[2].weight.detach()
    scale = weight.abs().amax(1, keepdim=True) / 127
    model[2].weight = nn.Parameter(Codes((weight / scale).round(), scale), requires_grad=False)
    return model


def plain() -> nn.Sequential:
    """The same with the numbers that the codes stand for."""
    model = quantised()
    model[2].weight = nn.Parameter(model[2].weight.dequantize(), requires_grad=False)
    return model


X = torch.randn(32, 16, generator=torch.Generator().manual_seed(1))


def loss(output: torch.Tensor) -> torch.Tensor:
    """Of a regression."""
    return (output - 1).square().mean()


def test_a_quantised_model_is_looked_at_as_what_it_stands_for() -> None:
    model = quantised()
    weight, before = model[2].weight, model[2].weight.codes.clone()
    report, whole = igt.inspect(model, X, loss), igt.inspect(plain(), X, loss)
    assert [(one.path, f"{one.rms:.5g}") for one in report.layers] == [
        (one.path, f"{one.rms:.5g}") for one in whole.layers
    ]
    assert any("2.weight were looked at" in one for one in report.table.coverage.skipped)
    assert model[2].weight is weight
    assert torch.equal(weight.codes, before)


def test_a_plan_leaves_codes_alone_and_says_so() -> None:
    model = quantised()
    entry = igt.plan(model, X)["2.weight"]
    assert entry.initializer is None
    assert "codes (Codes)" in entry.reason
    before = model[2].weight.codes.clone()
    receipt = igt.init_(model, X, seed=1, loss=loss, keep_healthy=False)
    assert "2.weight" not in [one.path for one in receipt.written]
    assert "4.weight" in [one.path for one in receipt.written]
    assert torch.equal(model[2].weight.codes, before)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_codes_are_not_drawn_into(dtype: torch.dtype) -> None:
    tensors = {"own kind": quantised()[2].weight, "few bits": torch.zeros(4, 4).to(dtype)}
    for tensor in tensors.values():
        with pytest.raises(DrawError, match="quantised weights are left alone"):
            igt.fill_(tensor, "he_normal", seed=0, path="w")
    model = quantised()
    with pytest.raises(DrawError, match=r"2\.weight"):
        igt.materialize_(model, {"*.weight": "he_normal"}, seed=0)
    assert torch.equal(model[0].weight, plain()[0].weight)


class Eight(nn.Linear):
    """Computes out of sight, as layers that train in eight bits do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Product.apply(x, self.weight) + self.bias


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return torch.from_numpy(x.numpy() @ weight.numpy().T)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient.t() @ x


def test_layers_that_compute_out_of_sight_are_named_once() -> None:
    model = nn.Sequential(Eight(16, 32), nn.ReLU(), Eight(32, 32), nn.ReLU(), nn.Linear(32, 4))
    (note,) = igt.plan(model, X).notes
    assert "Eight" in note
    assert "start the model before" in note
