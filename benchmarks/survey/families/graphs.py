"""Graph networks of torch-geometric: graphs in pairs of clusters, one class a node or one number a graph."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from survey.models import Batch, add
from survey.tasks import generator

Build = Callable[[], nn.Module]


def nodes(seed: int) -> Batch:
    """96 nodes of four communities; edges are likelier within one, features are noisy."""
    source = generator(seed)
    kinds = torch.randint(4, (96,), generator=source)
    together = kinds.view(-1, 1) == kinds
    edges = (
        (torch.rand(96, 96, generator=source) < torch.where(together, 0.15, 0.01)).nonzero().T.contiguous()
    )
    centres = torch.randn(4, 16, generator=generator(0))
    features = centres[kinds] + 1.5 * torch.randn(96, 16, generator=source)
    return (features, edges), lambda output: functional.cross_entropy(output, kinds)


def basic(name: str, **options: Any) -> Build:
    """A stack of one kind of convolution."""
    sizes = {"in_channels": 16, "hidden_channels": 32, "num_layers": 3, "out_channels": 4}
    return lambda: getattr(import_module("torch_geometric.nn.models"), name)(**sizes | options)


add("torch-geometric", {
    "GCN": basic("GCN"), "GCN-16": basic("GCN", num_layers=16), "GraphSAGE": basic("GraphSAGE"), "GIN": basic("GIN"),
    "GAT": basic("GAT", heads=2), "GATv2": basic("GAT", v2=True, heads=2), "EdgeCNN": basic("EdgeCNN"),
    "GCN-jk": basic("GCN", jk="cat"), "GIN-norm": basic("GIN", norm="batch_norm"), "GraphUNet": lambda: import_module("torch_geometric.nn").GraphUNet(16, 32, 4, 3),
}, nodes)  # fmt: skip


class Stack(nn.Module):
    """Convolutions of torch-geometric with an activation and, where asked, a skip connection between them."""

    def __init__(self, name: str, depth: int = 4, skip: bool = False, **options: Any) -> None:
        super().__init__()
        make = getattr(import_module("torch_geometric.nn"), name)
        self.first, self.last, self.skip = nn.Linear(16, 32), nn.Linear(32, 4), skip
        self.convolutions = nn.ModuleList([make(32, 32, **options) for _ in range(depth)])

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.convolutions:
            new = functional.relu(layer(x, edges))
            x = x + new if self.skip else new
        return self.last(x)


def stack(name: str, **options: Any) -> Build:
    return lambda: Stack(name, **options)


add("torch-geometric", {
    "TransformerConv": stack("TransformerConv"), "ChebConv": stack("ChebConv", K=3), "TAGConv": stack("TAGConv"),
    "ARMAConv": stack("ARMAConv"), "GraphConv": stack("GraphConv"), "ResGatedGraphConv": stack("ResGatedGraphConv"),
    "LEConv": stack("LEConv"), "ClusterGCNConv": stack("ClusterGCNConv"), "GENConv": stack("GENConv", skip=True),
    "SuperGATConv": stack("SuperGATConv"), "FiLMConv": stack("FiLMConv", skip=True), "GCN-skip-12": stack("GCNConv", depth=12, skip=True),
}, nodes)  # fmt: skip


def atoms(seed: int) -> Batch:
    """Eight clusters of six atoms, and a sum over their distances."""
    source = generator(seed)
    kinds = torch.randint(1, 6, (48,), generator=source)
    places = 1.5 * torch.randn(48, 3, generator=source)
    batch = torch.arange(8).repeat_interleave(6)
    target = torch.stack([torch.pdist(places[batch == k]).mean() for k in range(8)])
    target = (target - 3.3) / 0.7
    return (kinds, places, batch), lambda output: functional.mse_loss(
        (output[0] if isinstance(output, tuple) else output).flatten(), target
    )


def neighbours(places: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs within a cluster, and their distances."""
    pairs = (batch.view(-1, 1) == batch).fill_diagonal_(False).nonzero().T
    return pairs, (places[pairs[0]] - places[pairs[1]]).norm(dim=1)


add("torch-geometric", {"SchNet": lambda: import_module("torch_geometric.nn.models").SchNet(32, 32, 3, 20, interaction_graph=neighbours)},
    atoms)  # fmt: skip
