"""One SHA-256 for a model's weights over every way of drawing them.

    python benchmarks/draw_identity.py              a model of 30 million parameters
    python benchmarks/draw_identity.py --billion    the 1-billion-parameter transformer, one configuration
                                                    at a time (needs 10 GB of free memory)

Threads 1 and 2; regions 1, 2, 3, 8 by rows and by columns; processes 1 to 4; meta and eager; each
instruction set of this machine; and the NumPy reference on a sample of regions.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import isogain.torch as igt
from draw import CHOICES, Transformer
from isogain.drawing import draw_law
from isogain.drawing.native import instruction_sets
from isogain.drawing.public import law_of
from isogain.torch.draw.materialize import _by_pattern, places_of

SMALL = {"width": 512, "depth": 6, "vocabulary": 20_000}


def meta(sizes: dict[str, int]) -> Any:
    """The model without memory."""
    with torch.device("meta"):
        return Transformer(**sizes)


def sha(arrays: Iterator[np.ndarray[Any, Any]]) -> str:
    """One hash of all parameters in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(memoryview(np.ascontiguousarray(array)).cast("B"))
    return digest.hexdigest()


def whole(sizes: dict[str, int], threads: int, device: str = "meta") -> str:
    """The model materialised (or built eagerly and filled)."""
    model = meta(sizes) if device == "meta" else Transformer(**sizes)
    igt.materialize_(model, CHOICES, seed=0, threads=threads)
    return sha(p.detach().numpy() for p in model.parameters())


def by_regions(sizes: dict[str, int], count: int, axis: int) -> str:
    """Every parameter put together from `count` regions, drawn one after the other."""

    def parameters() -> Iterator[np.ndarray[Any, Any]]:
        for places in places_of(meta(sizes)):
            yield np.concatenate(list(_regions(places, count, axis)), min(axis, places.tensor.dim() - 1))

    return sha(parameters())


def _regions(places: Any, count: int, axis: int) -> Iterator[np.ndarray[Any, Any]]:
    shape = tuple(places.tensor.shape)
    law = law_of(_by_pattern(CHOICES, places.path), shape, layout="out in *" if len(shape) > 1 else "out")
    at = min(axis, len(shape) - 1)
    ends = np.linspace(0, shape[at], count + 1).astype(int)
    for low, high in itertools.pairwise(ends):
        region = tuple(slice(low, high) if a == at else slice(None) for a in range(len(shape)))
        yield draw_law(law, shape, seed=0, path=places.path, region=region)


def reference_sample(sizes: dict[str, int]) -> bool:
    """The NumPy reference against the kernel on the ends and the middle of every parameter."""
    for places in places_of(meta(sizes)):
        shape = tuple(places.tensor.shape)
        law = law_of(_by_pattern(CHOICES, places.path), shape, layout="out in *" if len(shape) > 1 else "out")
        for start in {0, shape[0] // 2, shape[0] - 1}:
            region = (slice(start, start + 1),)
            parts = []
            for name in (instruction_sets()[0], "numpy"):
                os.environ["ISOGAIN_ISA"] = name
                parts.append(draw_law(law, shape, seed=0, path=places.path, region=region))
            del os.environ["ISOGAIN_ISA"]
            if parts[0].tobytes() != parts[1].tobytes():
                return False
    return True


def by_processes(sizes: dict[str, int], count: int) -> str:
    """FSDP2 over gloo processes, the gathered parameters hashed by the first."""
    arguments = [sys.executable, __file__, "--worker", str(count), *(str(v) for v in sizes.values())]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()[-1]


def worker(count: int, sizes: dict[str, int]) -> None:
    """Spawn the processes."""
    torch.multiprocessing.spawn(_sharded, (count, sizes), nprocs=count)


def _sharded(rank: int, count: int, sizes: dict[str, int]) -> None:
    import torch.distributed as dist
    from torch.distributed.fsdp import fully_shard

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29611")
    dist.init_process_group("gloo", rank=rank, world_size=count)
    model = meta(sizes)
    for layer in model.layers:
        fully_shard(layer)
    fully_shard(model)
    igt.materialize_(model, CHOICES, seed=0)
    digest = sha(p.full_tensor().detach().numpy() for p in model.parameters())
    if rank == 0:
        print(digest, flush=True)
    dist.destroy_process_group()


def configurations(sizes: dict[str, int]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every way, by name."""
    for threads in (1, 2):
        yield f"meta, {threads} threads", lambda t=threads: whole(sizes, t)  # type: ignore[misc]
    yield "eager", lambda: whole(sizes, 2, "cpu")
    for count in (1, 2, 3, 8):
        for axis, name in ((0, "rows"), (1, "columns")):
            yield f"{count} regions of {name}", lambda c=count, a=axis: by_regions(sizes, c, a)  # type: ignore[misc]
    for count in (1, 2, 3, 4):
        yield f"FSDP2 on {count} processes", lambda c=count: by_processes(sizes, c)  # type: ignore[misc]


def main() -> None:
    """Print one hash a line; fail if they differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--billion", action="store_true")
    parser.add_argument("--worker", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker[0], dict(zip(SMALL, options.worker[1:], strict=True)))
        return
    sizes = {"width": 2048, "depth": 18, "vocabulary": 50_000} if options.billion else SMALL
    print(f"{sum(p.numel() for p in meta(sizes).parameters()):,} parameters")
    seen = {}
    for name in instruction_sets()[:-1]:
        os.environ["ISOGAIN_ISA"] = name
        seen[f"instruction set {name}"] = whole(sizes, 2)
        print(f"{seen[f'instruction set {name}']}  instruction set {name}", flush=True)
    os.environ.pop("ISOGAIN_ISA", None)
    for name, draw_all in configurations(sizes):
        seen[name] = draw_all()
        print(f"{seen[name]}  {name}", flush=True)
    same_reference = reference_sample(sizes)
    print(f"the NumPy reference on a sample of regions: {'the same bits' if same_reference else 'DIFFERENT'}")
    sys.exit(0 if len(set(seen.values())) == 1 and same_reference else 1)


if __name__ == "__main__":
    main()
