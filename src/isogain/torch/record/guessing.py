"""Planning without inputs: shapes guessed from the first layer and run without memory, or modules alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from isogain.errors import InspectError
from isogain.graph import Graph, Node, WeightUse
from isogain.graph.nodes import Kind
from isogain.torch.call.guard import Untouched
from isogain.torch.record.gathering import computed_by, copied, shards_behind
from isogain.torch.record.gauge import Gauge, check_sharding, gauge

__all__ = ["guessed", "likely"]

Tensor = torch.Tensor
Given = tuple[tuple[Any, ...], dict[str, Any]]
_KINDS: dict[str, Kind] = {
    "Embedding": "embedding", "LSTM": "recurrent", "GRU": "recurrent", "RNN": "recurrent",
}  # fmt: skip
_OPS = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}
SIZES = (32, 64, 224, 28)


def guessed(model: nn.Module) -> tuple[Gauge, tuple[str, ...]]:
    """A recording of the model without memory, and what is not known for want of inputs."""
    check_sharding(dict(model.named_parameters()))
    twin = _without_memory(model)
    for given in _guesses(model):
        try:
            found = gauge(twin, *given, back=False)
        except (InspectError, RuntimeError):
            continue
        found.nodes = [replace(node, steps=1) for node in found.nodes]  # how long sequences are is unknown
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (*given[0], *given[1].values()))
        return found, (f"no inputs were given: shapes guessed as {shapes}; sizes of real inputs unknown",)
    note = (
        "no inputs were given, and none could be guessed: how modules are connected, and so what lies "
        "between them, is unknown"
    )
    return _by_modules(twin), (note,)


def likely(model: nn.Module) -> tuple[str, tuple[int, ...]] | None:
    """'f32' or 'i64' and the shape of a batch that would suit the first layer; None where that is unknown."""
    given = next(_guesses(model), ((), {}))[0]
    return ("f32" if given[0].is_floating_point() else "i64", tuple(given[0].shape)) if given else None


def _without_memory(model: nn.Module) -> nn.Module:
    """A copy on the meta device, made without copying a number."""
    memo: dict[int, Any] = {}
    kept = shards_behind(model)
    for parameter in model.parameters():
        dtype = kept.get(id(parameter), parameter).dtype
        meta = torch.empty_like(parameter, device="meta", dtype=dtype)
        memo[id(parameter)] = nn.Parameter(meta, parameter.requires_grad)
    for made in (*model.buffers(), *computed_by(model)):
        memo[id(made)] = torch.empty_like(made, device="meta")
    return copied(model, memo)


def _guesses(model: nn.Module) -> Iterator[Given]:
    dummy = getattr(model, "dummy_inputs", None)
    if isinstance(dummy, dict):
        yield (), {name: value.to("meta") for name, value in dummy.items() if isinstance(value, Tensor)}
    first = next((m for m in model.modules() if type(m).__name__ in _GUESS), None)
    if first is not None:
        for shape, dtype in _GUESS[type(first).__name__](first):
            yield (torch.empty(shape, device="meta", dtype=dtype),), {}


def _linear(module: Any) -> list[tuple[tuple[int, ...], torch.dtype]]:
    size = module.in_features
    return [((2, size), torch.float32), ((2, 16, size), torch.float32)]


def _convolution(module: Any) -> list[tuple[tuple[int, ...], torch.dtype]]:
    dims = len(module.kernel_size)
    return [((2, module.in_channels, *([size] * dims)), torch.float32) for size in SIZES]


def _embedding(module: Any) -> list[tuple[tuple[int, ...], torch.dtype]]:
    return [((2, 16), torch.int64)]


def _recurrent(module: Any) -> list[tuple[tuple[int, ...], torch.dtype]]:
    return [((2, 16, module.input_size), torch.float32)]


_GUESS = {
    "Linear": _linear, "Conv1d": _convolution, "Conv2d": _convolution, "Conv3d": _convolution,
    "ConvTranspose1d": _convolution, "ConvTranspose2d": _convolution, "Embedding": _embedding,
    "LSTM": _recurrent, "GRU": _recurrent, "RNN": _recurrent,
}  # fmt: skip


class _Alone(Gauge):
    """A recording in which nothing is connected, so that neighbours cannot tell roles."""

    def graph(self, outputs: tuple[int, ...]) -> Graph:
        return replace(super().graph(outputs), nodes=tuple(self.nodes))


def _by_modules(model: nn.Module) -> Gauge:
    """A recording in which every module with weights stands alone."""
    found = _Alone(model, Untouched(model), 1, measure=False)
    for path, module in model.named_modules():
        kind = _kind(module)
        names = tuple(f"{path}.{n}" if path else n for n, _ in module.named_parameters(recurse=False))
        if kind is None or not names:
            continue
        use = _use(module, names) if kind in ("weight", "embedding") else None
        op = _OPS.get(type(module).__name__, type(module).__name__.lower())
        node = Node(len(found.nodes), op, kind, path, (), names, (), "float32", True, -1, use)
        found.nodes.append(replace(node, role="hidden weight" if kind == "weight" else kind))
        found.used.update(names)
    return found


def _kind(module: nn.Module) -> Kind | None:
    name = type(module).__name__
    if name in _KINDS:
        return _KINDS[name]
    if "Norm" in name:
        return "norm"
    return "weight" if isinstance(module, nn.Linear | nn.modules.conv._ConvNd) else None


def _use(module: Any, names: tuple[str, ...]) -> WeightUse:
    weight = module.weight
    bias = next((name for name in names if name.rpartition(".")[2] == "bias"), None)
    if isinstance(module, nn.Embedding):
        return WeightUse(names[0], tuple(weight.shape), "lookup out")
    if isinstance(module, nn.Linear):
        return WeightUse(names[0], tuple(weight.shape), "out in", bias=bias)
    layout = "in out *" if module.transposed else "out in *"
    return WeightUse(
        names[0], tuple(weight.shape), layout, module.groups, module.stride, module.transposed, bias
    )
