"""Does `identify` name the law that a library wrote, and keep silent on trained weights?

    python benchmarks/identify.py own                  # transformers' corpus and 60 of timm, at their start
    python benchmarks/identify.py trained MNIST 0 120  # networks of these numbers, after training
    python benchmarks/identify.py file                 # a checkpoint of a billion parameters

The truth of the first is what `igt.own_plan` reads in the library's own code, tensor by tensor.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

import isogain.torch as igt
from identify_trained import settings
from identify_trained import trained as train
from isogain.core.constructions.packed import Packed
from isogain.core.geometry.layout import implied
from isogain.core.initializers import Zeros
from isogain.core.names.translation import _family
from isogain.core.values.distributions import ConstantLaw, Law
from isogain.errors import IsogainError

ROOT = Path(__file__).resolve().parents[1]
FEWEST = 1000
TIMM = 60


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


MOVED = (0.0, 0.01, 0.03, 0.1, 0.3, math.inf)
"""Classes of how far a tensor moved, relative to its start's size."""


def trained() -> None:
    """The share of tensors of trained networks of which a law is claimed, by how far they moved."""
    data, first, last = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    seen: list[tuple[int, float, str]] = []
    for one in list(settings(last))[first:]:
        tensors, loss = train(one, data)
        if not all(np.isfinite(tensor.after).all() for tensor in tensors):
            continue  # diverged: NaN is no law
        found = igt.identify({tensor.path: torch.from_numpy(tensor.after) for tensor in tensors})
        told = [(one.number, t.moved, found[t.path].verdict) for t in tensors if t.after.size >= FEWEST]
        print(one, f"loss {loss:.3f}", Counter(verdict for _, _, verdict in told), flush=True)
        seen += told
    for parity, name in ((0, "even"), (1, "odd")):
        print(f"{name} numbers:")
        half = [one for one in seen if one[0] % 2 == parity]
        for low, high in itertools.pairwise(MOVED):
            _shares(f"moved by more than {low:g}, up to {high:g}", [x for x in half if low < x[1] <= high])
        _shares("moved at all", [one for one in half if one[1] > 0])
        _shares("frozen whole", [one for one in half if one[1] == 0])


def _shares(name: str, seen: list[tuple[int, float, str]]) -> None:
    drawn = sum(verdict == "drawn" for _, _, verdict in seen)
    if seen:
        print(f"  {name}: {len(seen)} tensors, a law claimed for {drawn} ({drawn / len(seen):.1%})")


READER = """
import resource, sys, time
start = time.perf_counter()
import isogain as ig
found = ig.identify(sys.argv[1])
print(f"{len(found)} tensors {found.counts}: {time.perf_counter() - start:.1f} s with the import, "
      f"{time.process_time():.1f} s of processor, peak "
      f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
"""


def file() -> None:
    """A billion parameters of a Llama's shapes in one file, read by a process that did nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        subprocess.run([sys.executable, __file__, "write", path], check=True)
        for state in ("not in memory", "in the system's memory"):
            if state == "not in memory":
                _forgotten(path)
            print(f"{state}: ", end="", flush=True)
            subprocess.run([sys.executable, "-c", READER, path], check=True)


def _forgotten(path: Path) -> None:
    """Lets the system drop what it keeps of a file."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write() -> None:
    """Repeats one stretch of draws, since drawing is not what is timed."""
    path, width, inner, layers = Path(sys.argv[2]), 2048, 8192, 17
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
    print(f"{offset / 4e9:.2f} billion parameters in float32")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    {"own": own, "trained": trained, "file": file, "write": write}[sys.argv[1]]()
