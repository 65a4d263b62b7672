"""What an inspection costs beside one plain forward and backward pass, and beside TorchLens.

    python benchmarks/inspect_cost.py [--repeats 7] [--threads N] [--only NAME] [--monitor]

Prints, for three models, medians of: a plain forward and backward pass, `igt.inspect`, and TorchLens' capture
of the forward pass alone (where it is installed), as seconds and as multiples; then peak memory of the
plain pass and of the inspection, each in a process of its own (Linux only).
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Made = tuple[nn.Module, Any, Callable[[Any], Tensor]]


def mlp() -> Made:
    """Ten layers of 1024 units, a batch of 256."""
    layers: list[nn.Module] = []
    for _ in range(10):
        layers += [nn.Linear(1024, 1024), nn.ReLU()]
    target = torch.randint(0, 10, (256,))
    return (
        nn.Sequential(*layers, nn.Linear(1024, 10)),
        torch.randn(256, 1024),
        lambda o: F.cross_entropy(o, target),
    )


class Block(nn.Module):
    """Two batch-normalised convolutions and a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.first, self.second = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.two(F.relu(self.first(self.one(x))))))


def resnet() -> Made:
    """A residual network of 17 layers at 32 x 32, a batch of 32."""
    body = [Block(64) for _ in range(8)]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )
    target = torch.randint(0, 10, (32,))
    return model, torch.randn(32, 3, 32, 32), lambda o: F.cross_entropy(o, target)


def transformer() -> Made:
    """Six encoder layers of width 384, 8 sequences of 128."""
    layers = [nn.TransformerEncoderLayer(384, 6, 1536, batch_first=True, norm_first=True) for _ in range(6)]
    target = torch.randint(0, 10, (8,))
    model = nn.Sequential(*layers, nn.LayerNorm(384), nn.Linear(384, 10))
    return model, torch.randn(8, 128, 384), lambda o: F.cross_entropy(o.mean(1), target)


MODELS = {"mlp": mlp, "resnet": resnet, "transformer": transformer}


def plain(model: nn.Module, inputs: Any, loss: Callable[[Any], Tensor]) -> None:
    """One forward and one backward pass."""
    torch.autograd.grad(loss(model(inputs)), list(model.parameters()), allow_unused=True)


def inspected(model: nn.Module, inputs: Any, loss: Callable[[Any], Tensor]) -> None:
    """One inspection."""
    import isogain.torch as igt

    igt.inspect(model, inputs, loss)


def torchlens(model: nn.Module, inputs: Any, loss: Callable[[Any], Tensor]) -> None:
    """TorchLens' capture of every operation of the forward pass."""
    import torchlens as tl

    capture = getattr(tl, "trace", None) or tl.log_forward_pass
    capture(model, inputs)


def seconds(run: Callable[..., None], made: Made, repeats: int) -> float:
    """The median of `repeats` runs after one to warm up."""
    run(*made)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run(*made)
        times.append(time.perf_counter() - started)
    return median(times)


def peak(name: str, what: str) -> float:
    """Peak resident memory of one run in a process of its own, MB beyond the model being built."""
    command = [sys.executable, __file__, "--child", name, what]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def child(name: str, what: str) -> None:
    """Prints the peak memory one run adds."""
    import isogain.torch  # noqa: F401  (its import is not what is measured)

    torch.manual_seed(0)
    made = MODELS[name]()
    # what is imported on first use, SciPy above all, is not what is measured either
    small = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8))
    inspected(small, torch.randn(8, 8), lambda o: o.sum())
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = _status("VmRSS")
    {"plain": plain, "inspect": inspected}[what](*made)
    print((_status("VmHWM") - before) / 1024)


def monitored(steps: int = 100) -> None:
    """Prints what a Monitor that looks at steps 0, 1, 2, 4, ... adds to a short training."""
    import isogain.torch as igt

    torch.manual_seed(0)
    model, inputs, loss = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    monitor, started = igt.Monitor(model, inputs, loss), time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(inputs)).backward()
        optimizer.step()
        monitor.step()
    total, looks = time.perf_counter() - started, len(monitor.snapshots)
    spent = monitor.seconds
    print(f"monitor: {looks} looks in {steps} steps of {(total - spent) / steps:.3f} s took {spent:.2f} s, "
          f"{spent / (total - spent):.1%} on top")  # fmt: skip


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of a model's name")
    parser.add_argument("--monitor", action="store_true", help="what a Monitor adds to a training instead")
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.child:
        child(*options.child)
        return
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.monitor:
        monitored()
        return
    has_lens = importlib.util.find_spec("torchlens") is not None
    print(f"{'model':12} {'plain s':>9} {'inspect':>9} {'torchlens':>10}  memory: plain MB, inspect, ratio")
    for name, make in MODELS.items():
        if options.only not in name:
            continue
        torch.manual_seed(0)
        made = make()
        base = seconds(plain, made, options.repeats)
        ours = seconds(inspected, made, options.repeats) / base
        lens = (
            f"{seconds(torchlens, made, max(options.repeats // 3, 1)) / base:9.2f}x"
            if has_lens
            else "         -"
        )
        a, b = peak(name, "plain"), peak(name, "inspect")
        print(f"{name:12} {base:9.4f} {ours:8.2f}x {lens}  {a:8.0f} {b:8.0f} {b / a:6.2f}x")


if __name__ == "__main__":
    main()
