"""Does `identify` name the law that a library wrote, and keep silent on trained weights?

    python benchmarks/identify.py own          # transformers' test corpus and 60 of timm, at their own start
    python benchmarks/identify.py trained      # small networks after training
    python benchmarks/identify.py file         # seconds and memory for a checkpoint of a billion parameters

The truth of the first is what `igt.own_plan` reads in the library's own code, tensor by tensor.
"""

from __future__ import annotations

import json
import math
import resource
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import isogain.torch as igt
from isogain.core.constructions.packed import Packed
from isogain.core.geometry.layout import implied
from isogain.core.initializers import Zeros
from isogain.core.names.translation import _family
from isogain.core.values.distributions import ConstantLaw, Law
from isogain.errors import IsogainError

ROOT = Path(__file__).resolve().parents[1]
FEWEST = 1000
TIMM = 60
STEPS = 400


def same(one: Law, other: Law, count: int) -> bool:
    """One family, and one std to 1 % or five standard errors."""
    if isinstance(one, ConstantLaw) or isinstance(other, ConstantLaw):
        return one.std == other.std == 0 and abs(one.mean - other.mean) < 1e-6
    return _family(one) == _family(other) and abs(one.std / other.std - 1) < max(
        0.01, 5 / math.sqrt(2 * min(count, 1 << 16))
    )


def judged(build: Callable[[], nn.Module]) -> Iterator[tuple[str, str, str]]:
    """(path, outcome, what was said) of every tensor whose law the library wrote."""
    plan = igt.own_plan(igt.deferred(build))
    torch.manual_seed(0)
    found = igt.identify(build())
    for path, entry in plan.items():
        count = math.prod(entry.shape)
        if entry.initializer is None or count < FEWEST or path not in found:
            continue
        use = {"layout": implied(entry.layout), "groups": entry.groups}
        law = entry.initializer
        if isinstance(
            law, Packed
        ):  # a padding row of zeros; identify says so and names the law of the others
            law = next((part for part in law.laws if not isinstance(part, Zeros)), law)
        truth, one = law.law(entry.shape, **use), found[path]
        said = f"{one.fits[0].says if one.fits else one.reason} | wrote {entry.initializer!r}"
        if not one.fits:
            yield path, "missed", said
            continue
        try:
            claim = one.fits[0].initializer.law(entry.shape)
        except IsogainError:
            claim = one.fits[0].initializer.law(entry.shape, layout="out in *")
        right = same(truth, claim, count) or (
            truth.kind == claim.kind == "structured" and abs(truth.std / claim.std - 1) < 0.02
        )
        yield path, "right" if right else "wrong", said


def own() -> None:
    """The corpus of transformers, and timm."""
    sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]
    from corpus.architectures import ARCHITECTURES
    from survey import operators  # noqa: F401
    from survey.models import every

    builders = {f"transformers/{name}": (lambda make=make: make()[0]) for name, make in ARCHITECTURES.items()}
    timm = [m for m in every().values() if m.library == "timm"]
    builders |= {m.name: m.build for m in timm[:: max(len(timm) // TIMM, 1)][:TIMM]}
    totals: dict[str, Counter[str]] = {"transformers": Counter(), "timm": Counter()}
    for name, build in builders.items():
        if len(sys.argv) > 2 and sys.argv[2] not in name:
            continue
        counts: Counter[str] = Counter()
        try:
            for path, outcome, said in judged(build):
                counts[outcome] += 1
                if outcome != "right":
                    print(f"  {name} {path}: {outcome}: {said}"[:330], flush=True)
        except Exception as error:
            print(f"  {name}: {type(error).__name__}: {error}"[:200], flush=True)
            continue
        totals[name.partition("/")[0]] += counts
        print(name, dict(counts), flush=True)
    for library, counts in totals.items():
        total = max(sum(counts.values()), 1)
        print(f"{library}: {total} tensors, " + ", ".join(f"{k} {v / total:.2%}" for k, v in counts.items()))


def networks() -> Iterator[tuple[str, nn.Module, Callable[[], tuple[Any, Any]]]]:
    """Small networks and batches that can be learnt."""
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(64, 10, generator=generator)
    for width in (64, 128, 256):
        for act in (nn.ReLU, nn.Tanh, nn.GELU):
            torch.manual_seed(width)
            net = nn.Sequential(
                nn.Linear(64, width), act(), nn.Linear(width, width), act(), nn.Linear(width, 10)
            )
            yield f"mlp {width} {act.__name__}", net, lambda: _labelled(teacher, generator)
    for width in (16, 32):
        torch.manual_seed(width)
        first, second = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, padding=1)
        stem = (nn.Unflatten(1, (1, 8, 8)), first, nn.BatchNorm2d(width), nn.ReLU())
        net = nn.Sequential(*stem, second, nn.ReLU(), nn.Flatten(), nn.Linear(128 * width, 10))
        yield f"cnn {width}", net, lambda: _labelled(teacher, generator)
    for width in (32, 64):
        torch.manual_seed(width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True)
        net = nn.Sequential(
            nn.Unflatten(1, (8, 8)),
            nn.Linear(8, width),
            nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            nn.Flatten(),
            nn.Linear(8 * width, 10),
        )
        yield f"transformer {width}", net, lambda: _labelled(teacher, generator)


def _labelled(teacher: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(128, 64, generator=generator)
    return x, (torch.tanh(x) @ teacher).argmax(1)


def trained() -> None:
    """The share of tensors of trained networks of which a law is claimed."""
    total: Counter[str] = Counter()
    for optimizer, rate in (("AdamW", 2e-3), ("SGD", 0.1)):
        for name, net, batch in networks():
            settings = {"lr": rate} | ({"momentum": 0.9} if optimizer == "SGD" else {})
            steps = getattr(torch.optim, optimizer)(net.parameters(), **settings)
            for _ in range(STEPS):
                x, y = batch()
                steps.zero_grad()
                loss = nn.functional.cross_entropy(net(x), y)
                loss.backward()
                steps.step()
            for path, one in igt.identify(net).items():
                if math.prod(one.shape) >= FEWEST:
                    total[one.verdict] += 1
                    if one.verdict == "drawn":
                        print(f"  {optimizer} {name} {path} {list(one.shape)}: claimed {one.fits[0].says}")
            print(f"{optimizer} {name}: loss {loss.item():.3f}", flush=True)
    print(dict(total), f"claimed {total['drawn'] / total.total():.2%}")


def file() -> None:
    """A billion parameters of a Llama's shapes, in bfloat16 and float32, in one file."""
    import isogain as ig

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        count = _write(path)
        before, start, used = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            time.perf_counter(),
            time.process_time(),
        )
        found = ig.identify(path)
        seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"{count / 1e9:.2f} billion parameters, {len(found)} tensors {found.counts}: {seconds:.1f} s, "
            f"{time.process_time() - used:.1f} s of processor, "
            f"peak {peak / 1024:.0f} MiB ({before / 1024:.0f} before)"
        )


def _write(path: Path) -> int:
    """Repeats one stretch of draws, since drawing is not what is timed."""
    width, inner, layers = 2048, 8192, 16
    shapes = {f"layers.{k}.{name}": shape for k in range(layers) for name, shape in (
        ("q", (width, width)), ("k", (512, width)), ("v", (512, width)), ("o", (width, width)),
        ("gate", (inner, width)),
        ("up", (inner, width)), ("down", (width, inner)), ("norm", (width,)))}  # fmt: skip
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    rng = np.random.default_rng(0)
    block = (0.02 * rng.standard_normal(1 << 24, dtype=np.float32)).tobytes()
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            size = 4 * math.prod(shape)
            if name.endswith("norm"):
                out.write(np.ones(shape, np.float32).tobytes())
                continue
            start = 4 * int(rng.integers(1 << 12))
            out.write(((block[start:] + block[:start]) * (size // len(block) + 1))[:size])
    return offset // 4


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    {"own": own, "trained": trained, "file": file}[sys.argv[1]]()
