"""The models of `benchmarks/parallel.py`, and the ways in which they run on several processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import CheckpointImpl, checkpoint_wrapper
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)
from torch.nn import functional

__all__ = ["MODELS", "RATE", "SAMPLES", "WAYS", "Model", "Placed", "Way", "alone"]

Tensor = torch.Tensor
WIDTH, HEADS, GROUPS, WORDS, LENGTH, SAMPLES, DEPTH = 32, 8, 4, 64, 8, 32, 2
RATE, AXES = 0.05, ("stage", "data", "model")


class Attention(nn.Module):
    """By grouped heads, with rotary positions."""

    def __init__(self) -> None:
        super().__init__()
        one = WIDTH // HEADS
        self.q, self.o = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))
        self.k, self.v = (nn.Linear(WIDTH, GROUPS * one, bias=False) for _ in range(2))
        steps = torch.outer(torch.arange(LENGTH), 100.0 ** -torch.linspace(0, 1, one // 2))
        self.register_buffer("angles", steps, persistent=False)

    def turned(self, x: Tensor) -> Tensor:
        """By the angles of its positions."""
        a, b = x.chunk(2, -1)
        cos, sin = self.angles.cos().to(x), self.angles.sin().to(x)
        return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)

    def forward(self, x: Tensor) -> Tensor:
        """Of (samples, positions, width)."""
        q, k, v = (
            one(x).unflatten(-1, (-1, WIDTH // HEADS)).transpose(1, 2) for one in (self.q, self.k, self.v)
        )
        found = functional.scaled_dot_product_attention(
            self.turned(q), self.turned(k), v, is_causal=True, enable_gqa=True
        )
        return self.o(found.transpose(1, 2).flatten(-2))


class Branch(nn.Module):
    """Two layers, the first of them gated."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up = (nn.Linear(WIDTH, 2 * WIDTH, bias=False) for _ in range(2))
        self.down = nn.Linear(2 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Of (samples, positions, width)."""
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention, then a branch, each behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.attend = nn.RMSNorm(WIDTH), Attention()
        self.between, self.branch = nn.RMSNorm(WIDTH), Branch()

    def forward(self, x: Tensor) -> Tensor:
        """Of (samples, positions, width)."""
        x = x + self.attend(self.before(x))
        return x + self.branch(self.between(x))


def decoder() -> nn.Sequential:
    """Tokens to logits."""
    return nn.Sequential(
        nn.Embedding(WORDS, WIDTH), *[Block() for _ in range(DEPTH)], nn.RMSNorm(WIDTH),
        nn.Linear(WIDTH, WORDS, bias=False),
    )  # fmt: skip


def plain() -> nn.Sequential:
    """Twelve layers and ReLU, which their own start leaves without a signal."""
    layers = (layer for _ in range(12) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU()))
    return nn.Sequential(*layers, nn.Linear(WIDTH, 8))


def tokens() -> tuple[Tensor, Tensor]:
    """Each next one follows from the one before."""
    first = torch.randint(WORDS, (SAMPLES, 1))
    words = (first * 5 ** torch.arange(LENGTH + 1)[None] + torch.arange(LENGTH + 1)) % WORDS
    return words[:, :-1], words[:, 1:]


def points() -> tuple[Tensor, Tensor]:
    """Random directions in eight classes."""
    return torch.randn(SAMPLES, WIDTH), torch.arange(SAMPLES) % 8


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean cross entropy, in float32."""
    return functional.cross_entropy(logits.float().flatten(0, -2), targets.flatten())


def along(output: Tensor, gradient: Tensor) -> Tensor:
    """The loss of a stage: what comes back to it of the loss behind it."""
    return (output.float() * gradient).sum()


@dataclass(frozen=True)
class Model:
    """One model and its batch."""

    name: str
    build: Callable[[], nn.Sequential]
    batch: Callable[[], tuple[Tensor, Tensor]]

    def made(self) -> tuple[nn.Sequential, tuple[Tensor, Tensor]]:
        """The same weights and batch everywhere."""
        torch.manual_seed(0)
        return self.build(), self.batch()


MODELS = (Model("decoder", decoder, tokens), Model("plain", plain, points))


@dataclass
class Placed:
    """A model as it runs here, with its batch, targets and loss."""

    model: nn.Module
    inputs: tuple[Tensor, Tensor]
    loss: Callable[[Tensor, Tensor], Tensor] = loss_of

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """One of training."""
        optimizer.zero_grad()
        self.loss(self.model(self.inputs[0]), self.inputs[1]).backward()
        optimizer.step()

    def weighed(self, loss: float) -> float:
        """A loss as it is compared: a stage's beside the sizes of its terms, of which little is left.

        A norm stands behind the decoder's stage, so that its output is orthogonal to the gradient that comes
        back; what remains of the sum is rounding.
        """
        if self.loss is not along:
            return loss
        with torch.no_grad():
            terms = along(self.model(self.inputs[0]).float().abs(), self.inputs[1].abs())
        return 1 + loss / float(terms)

    def share(self, place: int, count: int) -> None:
        """Leaves it one of so many shares of the batch; the mean of their losses is that of the whole."""
        given, targets = (tensor[place::count] for tensor in self.inputs)
        self.inputs = given, targets * count if self.loss is along else targets


Shape = Callable[[int], tuple[int, int, int]]
"""Of a number of processes: stages, shares of the batch, and parts of every layer."""
SHARES: Shape = lambda world: (1, world, 1)  # noqa: E731
PARTS: Shape = lambda world: (1, 1, world)  # noqa: E731
BOTH: Shape = lambda world: (1, max(world // 2, 1), min(world, 2))  # noqa: E731
STAGES: Shape = lambda world: (min(world, 2), max(world // 2, 1), 1)  # noqa: E731
Wrap = Callable[[nn.Sequential, DeviceMesh], nn.Module]


@dataclass(frozen=True)
class Way:
    """One way of running."""

    name: str
    wrap: Wrap
    shape: Shape = SHARES
    mixed: bool = False
    """Whether it runs in bfloat16."""
    trained: bool = False
    """Whether a first step comes before."""

    def placed(self, model: Model) -> Placed:
        """Wrapped, with the share of this process."""
        mesh = init_device_mesh("cpu", self.shape(dist.get_world_size()), mesh_dim_names=AXES)
        one = alone(model, self.stages)
        one.model = self.wrap(one.model, mesh)
        one.share(mesh["data"].get_local_rank(), mesh["data"].size())
        return begun(one) if self.trained else one

    @property
    def stages(self) -> int:
        """How many there are."""
        return self.shape(dist.get_world_size())[0]


def alone(model: Model, stages: int, trained: bool = False, halved: bool = False) -> Placed:
    """The model, or this process's stage of it, without wrappers, on the whole batch; at last in bfloat16."""
    one = cut(*model.made(), stages, dist.get_rank() * stages // dist.get_world_size())
    one = begun(one) if trained else one
    if halved:
        one.model.to(torch.bfloat16)
        given, targets = one.inputs
        one.inputs = given.to(torch.bfloat16) if given.is_floating_point() else given, targets
    return one


def begun(one: Placed) -> Placed:
    """The same after a first step."""
    one.step(torch.optim.SGD(one.model.parameters(), RATE))
    return one


def cut(whole: nn.Sequential, batch: tuple[Tensor, Tensor], stages: int, stage: int) -> Placed:
    """A stage under its paths in the whole, with what reaches it and the gradient that comes back to it."""
    if stages == 1:
        return Placed(whole, batch)
    names, size = [name for name, _ in whole.named_children()], -(-len(whole) // stages)
    parts = [nn.Sequential() for _ in range(stages)]
    for k, name in enumerate(names):
        parts[k // size].add_module(name, whole[k])
    signals = [batch[0]]
    for part in parts:
        signals.append(part(signals[-1]))
    back = torch.autograd.grad(loss_of(signals[-1], batch[1]), signals[1:-1])
    targets = [*back, batch[1]][stage]
    return Placed(parts[stage], (signals[stage].detach(), targets), loss_of if stage == stages - 1 else along)


def _cuts(model: nn.Sequential) -> list[str]:
    """Children that are wrapped by themselves: blocks, or every fourth layer."""
    blocks = [name for name, one in model.named_children() if isinstance(one, Block)]
    return blocks or [name for name, _ in model.named_children() if int(name) % 4 == 0][1:-1]


def shards(model: nn.Sequential, mesh: DeviceMesh, **options: Any) -> nn.Module:
    """By `fully_shard`: some children by themselves, then the rest."""
    for name in _cuts(model):
        fully_shard(model.get_submodule(name), mesh=mesh["data"], **options)
    return fully_shard(model, mesh=mesh["data"], **options)


def half(model: nn.Sequential, mesh: DeviceMesh) -> nn.Module:
    """The same with parameters in bfloat16 and gradients reduced in float32."""
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    return shards(model, mesh, mp_policy=policy)


def replicas(model: nn.Sequential, mesh: DeviceMesh) -> nn.Module:
    """Shards within halves of the processes, which are replicas of each other."""
    world = mesh.size()
    grid = init_device_mesh("cpu", (min(world, 2), max(world // 2, 1)), mesh_dim_names=("replicas", "data"))
    for name in _cuts(model):
        fully_shard(model.get_submodule(name), mesh=grid)
    return fully_shard(model, mesh=grid)


def parts(model: nn.Sequential, mesh: DeviceMesh) -> nn.Module:
    """Tensor parallel: layers by columns and rows, signals between blocks by positions."""
    return parallelize_module(model, mesh["model"], _plan(model))


def _plan(model: nn.Sequential) -> dict[str, Any]:
    if not isinstance(model[0], nn.Embedding):
        pairs = enumerate(name for name, one in model.named_children() if isinstance(one, nn.Linear))
        return {name: RowwiseParallel() if k % 2 else ColwiseParallel() for k, name in pairs if k < 12}
    plan: dict[str, Any] = {"0": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1))}
    for name in _cuts(model):
        columns, rows = (
            ("attend.q", "attend.k", "attend.v", "branch.gate", "branch.up"),
            ("attend.o", "branch.down"),
        )
        plan |= {f"{name}.{one}": ColwiseParallel() for one in columns}
        plan |= {f"{name}.{one}": RowwiseParallel(output_layouts=Shard(1)) for one in rows}
        plan |= {f"{name}.{one}": SequenceParallel() for one in ("before", "between")}
        plan |= {f"{name}.{one}": _joined() for one in ("attend", "branch")}
    norm, head = str(DEPTH + 1), str(DEPTH + 2)
    return plan | {
        norm: SequenceParallel(),
        head: ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
    }


def _joined() -> PrepareModuleInput:
    """What was spread by positions is put together again."""
    return PrepareModuleInput(input_layouts=Shard(1), desired_input_layouts=Replicate())


def checkpoints(kind: CheckpointImpl) -> Wrap:
    """Children run again on the way back; then shards."""

    def wrap(model: nn.Sequential, mesh: DeviceMesh) -> nn.Module:
        for name in _cuts(model):
            setattr(model, name, checkpoint_wrapper(model.get_submodule(name), checkpoint_impl=kind))
        return fully_shard(model, mesh=mesh["data"])

    return wrap


def compiled(model: nn.Sequential, mesh: DeviceMesh) -> nn.Module:
    """Child by child, then shards."""
    for name in _cuts(model):
        model.get_submodule(name).compile(backend="aot_eager")
    return shards(model, mesh)


def replicated(model: nn.Sequential, mesh: DeviceMesh) -> nn.Module:
    """By DistributedDataParallel."""
    return nn.parallel.DistributedDataParallel(model)


WAYS = (
    Way("`fully_shard`", shards),
    Way("`fully_shard`, after a step", shards, trained=True),
    Way("`fully_shard` in bfloat16", half, mixed=True),
    Way("`fully_shard` in bfloat16, after a step", half, mixed=True, trained=True),
    Way("`fully_shard` and replicas", replicas),
    Way("tensor parallel", parts, PARTS),
    Way("tensor parallel, after a step", parts, PARTS, trained=True),
    Way("`fully_shard` over tensor parallel", lambda model, mesh: shards(parts(model, mesh), mesh), BOTH),
    Way("a stage of two, `fully_shard`", shards, STAGES),
    Way("DistributedDataParallel", replicated),
    Way("checkpoints, `fully_shard`", checkpoints(CheckpointImpl.NO_REENTRANT)),
    Way("re-entrant checkpoints, `fully_shard`", checkpoints(CheckpointImpl.REENTRANT)),
    Way("compiled, `fully_shard`", compiled),
    Way("compiled DistributedDataParallel",
        lambda model, mesh: torch.compile(replicated(model, mesh), backend="aot_eager")),
)  # fmt: skip
