"""Networks of scientific computing: neuraloperator, deepxde, KANs, equivariant nets, differential equations."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from survey.models import Batch, add
from survey.tasks import digits, function, generator, vectors, waves

Build = Callable[[], nn.Module]


def smoothed(size: int = 32, channels: int = 1) -> Callable[[int], Batch]:
    """Images, and the same images blurred: a linear operator to be learnt."""

    def task(seed: int) -> Batch:
        field, _ = digits(size, 8, seed, channels)
        target = functional.avg_pool2d(field, 5, 1, 2) * 1.5
        return field, lambda output: functional.mse_loss(output, target)

    return task


def operator(name: str, **options: Any) -> Build:
    """A model of neuralop."""
    return lambda: getattr(import_module("neuralop.models"), name)(**options)


_FIELD = {"in_channels": 1, "out_channels": 1, "hidden_channels": 16}
add("neuraloperator", {
    "FNO": operator("FNO", n_modes=(8, 8), **_FIELD), "TFNO": operator("TFNO", n_modes=(8, 8), **_FIELD),
    "FNO-8-layers": operator("FNO", n_modes=(8, 8), n_layers=8, **_FIELD),
    "UNO": operator("UNO", **_FIELD, uno_out_channels=[16, 16, 16], uno_n_modes=[[8, 8]] * 3, uno_scalings=[[1.0, 1.0]] * 3, n_layers=3,
                    channel_mlp_skip="linear"),
    "FNO-norm": operator("FNO", n_modes=(8, 8), norm="instance_norm", **_FIELD),
}, smoothed())  # fmt: skip


def dde(name: str, *options: Any) -> Build:
    """A network of deepxde; its backend is PyTorch."""
    return lambda: getattr(import_module("deepxde").nn, name)(*options)


add(
    "deepxde",
    {
        "FNN-tanh": dde("FNN", [2] + [50] * 6 + [1], "tanh", "Glorot uniform"),
        "FNN-sin": dde("FNN", [2] + [50] * 4 + [1], "sin", "Glorot normal"),
        "FNN-relu": dde("FNN", [2] + [50] * 8 + [1], "relu", "He normal"),
    },
    function(2),
)
add("deepxde", {"PFNN": dde("PFNN", [2, [32, 32], [32, 32], [32, 32], 2], "tanh", "Glorot uniform")}, function(2, 2))  # fmt: skip


def antiderivative(seed: int) -> Batch:
    """Sums of sines at 32 places, and their integral at 40 places."""
    source = generator(seed)
    weights, places = torch.randn(32, 4, generator=source), torch.rand(40, 1, generator=source)
    modes = 3.14 * torch.arange(1, 5)
    fields = torch.sin(torch.linspace(0, 1, 32).view(-1, 1) * modes) @ weights.T
    target = ((1 - torch.cos(places * modes)) / modes) @ weights.T
    return ((fields.T.contiguous(), places),), lambda output: functional.mse_loss(output, target.T) / 0.3


add("deepxde", {"DeepONetCartesianProd": dde("DeepONetCartesianProd", [32, 64, 64], [1, 64, 64, 64], "relu", "Glorot normal"),
                "DeepONet-tanh": dde("DeepONetCartesianProd", [32, 64, 64], [1, 64, 64, 64], "tanh", "Glorot normal")},
    antiderivative)  # fmt: skip


def residual(module: Callable[[], nn.Module]) -> Build:
    """A network that is asked for its own derivative: u' + u = f, as physics-informed networks are."""
    return lambda: Physics(module())


class Physics(nn.Module):
    """Differentiates in forward."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, points: Tensor) -> Tensor:
        points = points.requires_grad_(True)
        value = self.net(points)
        (slope,) = torch.autograd.grad(value.sum(), points, create_graph=True)
        return slope.sum(1, keepdim=True) + value


add("deepxde", {"PINN": residual(dde("FNN", [2] + [32] * 4 + [1], "tanh", "Glorot uniform"))}, function(2))


def kan(module: str, name: str, *options: Any, **more: Any) -> Build:
    return lambda: getattr(import_module(module), name)(*options, **more)


add(
    "pykan", {"KAN": kan("kan", "KAN", width=[2, 5, 1], auto_save=False, symbolic_enabled=False)}, function(2)
)
add(
    "siren-pytorch",
    {"SirenNet": kan("siren_pytorch", "SirenNet", dim_in=2, dim_hidden=64, dim_out=1, num_layers=4)},
    function(2),
)
add("rtdl-revisiting-models", {
    "MLP": kan("rtdl_revisiting_models", "MLP", d_in=64, d_out=10, n_blocks=4, d_block=64, dropout=0.1),
    "ResNet": kan("rtdl_revisiting_models", "ResNet", d_in=64, d_out=10, n_blocks=4, d_block=64, d_hidden=None, d_hidden_multiplier=2.0, dropout1=0.1, dropout2=0.0),
}, vectors())  # fmt: skip


class Columns(nn.Module):
    """A tabular model that takes (numbers, categories), on numbers alone."""

    def __init__(self, net: nn.Module, empty: bool = False) -> None:
        super().__init__()
        self.net, self.empty = net, empty

    def forward(self, x: Tensor) -> Any:
        return self.net(x, None)


add("rtdl-revisiting-models", {"FTTransformer": lambda: Columns(import_module("rtdl_revisiting_models").FTTransformer(
    n_cont_features=16, cat_cardinalities=[], d_out=10, n_blocks=3, d_block=32, attention_n_heads=4, attention_dropout=0.1,
    ffn_d_hidden=None, ffn_d_hidden_multiplier=2.0, ffn_dropout=0.1, residual_dropout=0.0))}, vectors(16, 10, 32))  # fmt: skip


def embedded(name: str, **options: Any) -> Build:
    """An embedding of numbers, and a small network behind it."""
    return lambda: nn.Sequential(
        getattr(import_module("rtdl_num_embeddings"), name)(64, **options), nn.Flatten(), nn.Linear(64 * 8, 64), nn.ReLU(),
        nn.Linear(64, 10),
    )  # fmt: skip


add("rtdl-num-embeddings", {
    "LinearReLU": embedded("LinearReLUEmbeddings", d_embedding=8), "Linear": embedded("LinearEmbeddings", d_embedding=8),
    "Periodic": embedded("PeriodicEmbeddings", d_embedding=8, lite=False),
    "Periodic-lite": embedded("PeriodicEmbeddings", d_embedding=8, lite=True),
}, vectors())  # fmt: skip
add("pytorch-tabnet", {"TabNet": lambda: import_module("pytorch_tabnet.tab_network").TabNet(
    64, 10, n_d=16, n_a=16, n_steps=3, group_attention_matrix=torch.eye(64))}, vectors())  # fmt: skip


class Flow(nn.Module):
    """An ordinary differential equation whose field is a network, between two linear maps."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 32))
        self.before, self.after = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        solve = import_module("torchdiffeq").odeint
        return self.after(
            solve(lambda t, y: self.inner(y), self.before(x), torch.linspace(0, 1, 5), method="rk4")[-1]
        )


add("torchdiffeq", {"odeint": Flow}, vectors())


def latest(output: Any) -> Tensor:
    """The prediction at the last step of (outputs, state)."""
    return output[0][:, -1]


def sequence(seed: int) -> Batch:
    given, kinds = waves(24, 4, 16, seed)
    return given, lambda output: functional.cross_entropy(latest(output), kinds)


def cells(name: str, *options: Any) -> Build:
    return lambda: getattr(import_module("ncps.torch"), name)(4, *options)


add(
    "ncps",
    {
        "CfC": cells("CfC", 32, 10),
        "LTC": lambda: cells("LTC", import_module("ncps.wirings").AutoNCP(32, 10))(),
    },
    sequence,
)


def clicks(kind: str) -> Build:
    """A recommender of deepctr-torch on 32 dense numbers."""

    def build() -> nn.Module:
        made = import_module("deepctr_torch.inputs").DenseFeat
        columns = [made(f"x{k}", 1) for k in range(32)]
        more: dict[str, Any] = {"use_fm": False} if kind == "DeepFM" else {}
        return getattr(import_module("deepctr_torch.models"), kind)(columns, columns, task="binary", **more)

    return build


def clicked(seed: int) -> Batch:
    """Whether the digit is odd."""
    given, kinds = digits(8, 64, seed, 1)
    odd = (kinds % 2).float().view(-1, 1)
    return given.flatten(1)[:, 16:48].contiguous(), lambda output: functional.binary_cross_entropy(
        output, odd
    )


add("deepctr-torch", {kind: clicks(kind) for kind in ("DeepFM", "DCN", "WDL")}, clicked)
