"""Measure drawing against PyTorch, NumPy and JAX on this machine, and print the table of ratios.

    python benchmarks/draw.py                 every row but the billion parameters
    python benchmarks/draw.py normal two      the rows whose name contains a word
    python benchmarks/draw.py billion         4 GB of weights: needs 6 GB of free memory

Each ratio comes from one run: the two sides take turns, and the medians are compared.  Warm means
that the memory had been written before; the billion parameters go into fresh memory.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import isogain as ig
import isogain.torch as igt
from isogain.core.values.distributions import NormalLaw, TruncatedNormalLaw
from isogain.drawing import draw_law
from isogain.drawing.native import instruction_sets

COUNT = 1 << 26
NORMAL = NormalLaw(0.0, 1.0)
TRUNCATED = TruncatedNormalLaw(0.0, 1.0, -2.0, 2.0)
Task = Callable[[], Any]


def race(ours: Task, theirs: Task, rounds: int) -> tuple[float, float]:
    """Median seconds of each, taking turns after one warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for task, seen in zip((ours, theirs), times, strict=True):
            gc.collect()
            start = time.perf_counter()
            task()
            if number:
                seen.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def row(
    name: str, target: str, ours: float, theirs: float, *, count: int | None = None, inverse: bool = False
) -> None:
    """One line of the table: how many times faster (inverse: slower) than the other."""
    ratio = ours / theirs if inverse else theirs / ours
    speed, other = (f"{count / t / 1e9:7.3f} G/s" if count else f"{t:9.3f} s" for t in (ours, theirs))
    print(f"| {name:58s} | {ratio:8.2f} × | {target:16s} | {speed} | {other} |", flush=True)


def normal_torch(rounds: int) -> None:
    out, tensor = np.zeros(COUNT, np.float32), torch.zeros(COUNT)
    ours, theirs = race(lambda: draw_law(NORMAL, COUNT, out=out), tensor.normal_, rounds)
    row("normal float32 against torch normal_", "8, 13", ours, theirs, count=COUNT)


def truncated_torch(rounds: int) -> None:
    count = COUNT >> 2  # torch would take half a minute a turn
    out, tensor = np.zeros(count, np.float32), torch.zeros(count)
    ours, theirs = race(
        lambda: draw_law(TRUNCATED, count, out=out), lambda: nn.init.trunc_normal_(tensor), rounds
    )
    row("truncated normal float32 against torch trunc_normal_", "120, 250", ours, theirs, count=count)


def normal_bfloat16(rounds: int) -> None:
    tensor, other = (torch.zeros(COUNT, dtype=torch.bfloat16) for _ in range(2))
    ours, theirs = race(lambda: igt.fill_(tensor, NORMAL, seed=0), other.normal_, rounds)
    row("normal bfloat16 against torch normal_", "12, 25", ours, theirs, count=COUNT)


def normal_numpy(rounds: int) -> None:
    out = np.zeros(COUNT, np.float32)
    best = float("inf")
    for bits in (np.random.PCG64, np.random.SFC64, np.random.Philox):
        generator = np.random.Generator(bits(1))
        part = out[: COUNT >> 2]
        ours, theirs = race(
            lambda: draw_law(NORMAL, COUNT, out=out),
            lambda g=generator, p=part: g.standard_normal(out=p, dtype=np.float32),  # type: ignore[misc]
            rounds,
        )
        best = min(best, 4 * theirs)
    row("normal float32 against numpy, best bit generator", "20, 30", ours, best, count=COUNT)


def normal_jax(rounds: int) -> None:
    try:
        import jax
    except ImportError:
        print("| normal float32 against jitted jax | (jax is not installed) |")
        return
    out, key = np.zeros(COUNT, np.float32), jax.random.key(0)
    draw = jax.jit(lambda key: jax.random.normal(key, (COUNT,)))
    ours, theirs = race(
        lambda: draw_law(NORMAL, COUNT, out=out), lambda: draw(key).block_until_ready(), rounds
    )
    row("normal float32 against jitted jax", "20, 35", ours, theirs, count=COUNT)


def two_threads(rounds: int) -> None:
    out = np.zeros(COUNT, np.float32)
    for name, law in (("normal", NORMAL), ("truncated normal", TRUNCATED)):
        two, one = race(
            lambda law=law: draw_law(law, COUNT, out=out, threads=2),  # type: ignore[misc]
            lambda law=law: draw_law(law, COUNT, out=out, threads=1),  # type: ignore[misc]
            rounds,
        )
        row(f"{name} float32, two threads against one", "1.8, 1.95", two, one, count=COUNT)


def two_threads_control(rounds: int) -> None:
    """What this machine gives a second thread that shares nothing: two hashes of a megabyte in the cache."""
    data = bytes(1 << 20)

    def hashes(count: int) -> None:
        for _ in range(count):
            hashlib.sha256(data).digest()

    def both() -> None:
        other = threading.Thread(target=hashes, args=(32,))
        other.start()
        hashes(32)
        other.join()

    two, one = race(both, lambda: hashes(64), rounds)
    row("(control: SHA-256 in two threads against one)", "", two, one)


def bandwidth(rounds: int) -> None:
    out, tensor = np.zeros(COUNT, np.float32), torch.zeros(COUNT)
    ours, theirs = race(lambda: draw_law(NORMAL, COUNT, out=out), lambda: tensor.fill_(1.5), rounds)
    row("normal float32, share of the warm fill_ bandwidth", "0.20, 0.33", ours, theirs, count=COUNT)


def orthogonal(rounds: int) -> None:
    for size in (2048, 4096):
        out, tensor = np.zeros((size, size), np.float32), torch.zeros(size, size)
        ours, theirs = race(
            lambda out=out: ig.draw("orthogonal", out.shape, out=out),  # type: ignore[misc]
            lambda tensor=tensor: nn.init.orthogonal_(tensor),  # type: ignore[misc]
            min(rounds, 3),
        )
        row(f"orthogonal {size} x {size} against torch orthogonal_", "1.5, 3", ours, theirs)
        q = out.astype(np.float64)
        print(f"|   largest error of q q' - 1: {np.abs(q @ q.T - np.eye(size)).max():.1e}")


class Transformer(nn.Module):
    """A plain decoder of about a billion parameters: torch's layers with torch's default init."""

    def __init__(self, width: int = 2048, depth: int = 18, vocabulary: int = 50_000) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 16, 4 * width, batch_first=True) for _ in range(depth)
        )
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embedding.weight


CHOICES = {
    "embedding.weight": ig.Normal(std=0.02),
    "*norm*.weight": "ones",
    "*bias": "zeros",
    "*.weight": ig.Normal(std=0.02),
    "*in_proj_weight": ig.Normal(std=0.02),
}


def billion_default(rounds: int) -> None:
    """Both sides build the model and write its weights into fresh memory."""
    _import_what_models_need()
    count = sum(p.numel() for p in _meta().parameters())
    ours, theirs = race(_ours, Transformer, min(rounds, 2))
    row(f"{count / 1e9:.2f} G parameters from meta against the default init", "1.5, 2.5", ours, theirs)


def billion_cold(rounds: int) -> None:
    """The same against a fill_ of as many bytes of fresh memory."""
    _import_what_models_need()
    ours, cold = race(_ours, _cold_fill, min(rounds, 5))
    row("the same time against a cold fill_ of as many bytes", "at most 1.3, 1.1", ours, cold, inverse=True)


def _import_what_models_need() -> None:
    """What torch imports at its first model belongs to neither side."""
    small = (64, 1, 100)
    igt.materialize_(_meta(*small), CHOICES, seed=0)
    Transformer(*small)


def _meta(*sizes: int) -> nn.Module:
    with torch.device("meta"):
        return Transformer(*sizes)


def _ours() -> nn.Module:
    return igt.materialize_(_meta(), CHOICES, seed=0)


def _cold_fill() -> list[torch.Tensor]:
    return [torch.empty(p.shape).fill_(1.5) for p in _meta().parameters()]


ROWS: dict[str, Callable[[int], None]] = {
    "normal torch": normal_torch,
    "truncated torch": truncated_torch,
    "bfloat16 torch": normal_bfloat16,
    "numpy": normal_numpy,
    "jax": normal_jax,
    "two threads": two_threads,
    "two threads control": two_threads_control,
    "bandwidth fill_": bandwidth,
    "orthogonal": orthogonal,
    "billion default": billion_default,
    "billion cold": billion_cold,
}


def machine() -> str:
    """The processor, its cores, the versions."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kernel = os.environ.get("ISOGAIN_ISA") or instruction_sets()[0]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{cpu}, {cores} cores{load}; isogain {ig.__version__} ({kernel}), torch {torch.__version__} "
        f"({torch.get_num_threads()} threads), numpy {np.__version__}, Python {platform.python_version()}"
    )


def main() -> None:
    """Print the rows asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help=f"parts of row names: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each median is taken of")
    options = parser.parse_args()
    chosen = [name for name in ROWS if any(word in name for word in options.words)]
    print(machine())
    print(f"| {'':58s} | {'ratio':10s} | at least, goal   | {'isogain':11s} | {'other':11s} |")
    print(f"|{'-' * 60}|{'-' * 12}|{'-' * 18}|{'-' * 13}|{'-' * 13}|")
    for name in chosen or [name for name in ROWS if "billion" not in name]:
        ROWS[name](options.rounds)


if __name__ == "__main__":
    main()
