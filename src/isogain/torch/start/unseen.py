"""Layers that read their weight where no pass sees it, as those that compute in eight bits do."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from isogain.graph import Graph
from isogain.torch.draw.codes import codes_of

__all__ = ["unseen_layers"]

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.Embedding)


def unseen_layers(model: nn.Module, graph: Graph) -> Iterator[str]:
    """A note for each kind of layer with a forward of its own, which no operation showed the weight of."""
    seen = {node.weight.name for node in graph.nodes if node.weight is not None}
    kinds: dict[str, list[str]] = {}
    for path, module in model.named_modules():
        name = f"{path}.weight" if path else "weight"
        if not isinstance(module, _LAYERS) or name in seen or codes_of(module.weight):
            continue
        if _has_its_own_forward(module):
            kinds.setdefault(type(module).__name__, []).append(name)
    for kind, names in kinds.items():
        yield (
            f"{kind} reads its weight in an operation that no pass sees, so {names[0]} and {len(names) - 1} "
            "more keep what they have: start the model before its layers are converted"
        )


def _has_its_own_forward(module: nn.Module) -> bool:
    return not type(module).forward.__module__.startswith("torch.nn")
