"""Whole libraries built eagerly and deferred -> materialised: the same start, without memory, sharded or not.

    python benchmarks/meta.py [NAME ...] [--library transformers|diffusers|timm|survey|...] [--json FILE]
    python benchmarks/meta.py [NAME ...] [--library ...] --sharded
    python benchmarks/meta.py [NAME ...] [--library ...] --bare

Every buffer and every parameter in which nothing is random has to be equal bit for bit; every random one of
the same law (means, mean squares and the whole distribution, two samples, 5 standard errors); `own_plan`'s
standard deviation and bound those of the eager weights (1 %, or 5 standard errors where the weight is
small); a forward pass runs, and its loss lies where those of eager models with other seeds lie.  With
--sharded, two gloo processes shard each model with `fully_shard`, materialise it, and gather: the bits of
one process.  With --bare, models are built on meta without a record, so that their own recipes have to tell
their start: the same comparisons of tensors, without losses; a model may also be refused by name, but not be
other than the eager one.  The survey's models (benchmarks/survey), all of them or those of one library, are
compared without losses too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import isogain.torch as igt
from isogain.errors import DrawError
from isogain.torch.draw.materialize import places_of
from isogain.torch.own.beginning import known_start
from meta_models import Build, Loss, models

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

LIMIT = 5.0
KOLMOGOROV = 2.74
"""sqrt(n m / (n + m)) D as seldom beyond as 5 standard errors."""
SAMPLE = 1 << 17
"""Elements of a tensor whose distribution is compared; means are taken over all of them."""
SEEDS, STUDENT = 3, 13.0
"""Models of each kind whose losses are compared, and what t of four degrees exceeds as seldom as 5 errors."""

KINDS = ("drawn", "computed", "following", "replayed")


def named(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every parameter and buffer once."""
    return {one.path: one.tensor.detach() for one in places_of(model)}


def compare(name: str, build: Build, loss: Loss) -> dict[str, Any]:
    """One row: what differs between the two ways of building."""
    torch.manual_seed(0)
    eager = build()
    before = torch.random.get_rng_state()
    model = igt.deferred(build)
    places = places_of(model)
    start, said = known_start(model, places, places)
    plan = igt.own_plan(model)
    held = [one.path for one in places if not one.tensor.is_meta]
    igt.materialize_(model, seed=1)
    ours, theirs = named(model), named(eager)
    problems = list(said) + [f"{path} had memory" for path in held]
    if not torch.equal(before, torch.random.get_rng_state()):
        problems.append("torch's generator was used")
    if list(ours) != list(theirs):
        problems.append(f"other tensors: {sorted(set(ours) ^ set(theirs))[:5]}")
    kinds = {path: piece.kind for path, piece in start.pieces.items()}
    for path in ours.keys() & theirs.keys():
        is_random = kinds.get(path) != "computed"
        problems += [f"{path}: {one}" for one in differences(theirs[path], ours[path], is_random)]
    problems += _off_laws(plan, theirs)
    if loss is not None:
        problems += _off_losses(_losses(eager, build, loss), model, build, loss)
    return {"name": name, "problems": problems, "hash": state_hash(ours), **_counts(kinds)}


def compare_bare(name: str, build: Build) -> dict[str, Any]:
    """The same of a model that was built on meta without a record."""
    torch.manual_seed(0)
    theirs = named(build())
    try:
        with torch.device("meta"):
            model = build()
    except Exception as error:  # its constructor asks for values
        return {"name": name, "problems": [], "is_out": f"not built on meta: {error}", **_counts({})}
    places = places_of(model)
    start, _ = known_start(model, places, places)
    try:
        ours = named(igt.materialize_(model, seed=1))
    except DrawError as error:
        return {"name": name, "problems": [], "is_out": f"refused: {error}", **_counts({})}
    problems: list[str] = []
    kinds = {path: piece.kind for path, piece in start.pieces.items()}
    for path in ours.keys() & theirs.keys():
        is_random = kinds.get(path, "computed") != "computed"
        problems += [f"{path}: {one}" for one in differences(theirs[path], ours[path], is_random)]
    return {"name": name, "problems": problems, **_counts(kinds)}


def _counts(kinds: dict[str, str]) -> dict[str, int]:
    return {kind: list(kinds.values()).count(kind) for kind in KINDS}


def differences(eager: torch.Tensor, ours: torch.Tensor, is_random: bool) -> Iterator[str]:
    """What is not as it should be in one tensor."""
    if eager.numel() == 0:
        return
    if eager.dtype != ours.dtype or eager.shape != ours.shape or eager.stride() != ours.stride():
        yield f"{tuple(eager.shape)} {eager.dtype} became {tuple(ours.shape)} {ours.dtype}"
    elif not is_random:
        if state_hash({"": eager}) != state_hash({"": ours}):
            yield "other bits"
    else:
        yield from _other_law(eager.double().flatten(), ours.double().flatten())


def _other_law(eager: torch.Tensor, ours: torch.Tensor) -> Iterator[str]:
    count = len(eager)
    for word, a, b in (("mean", eager, ours), ("mean square", eager**2, ours**2)):
        if count < 8:
            break
        error = math.sqrt((float(a.var()) + float(b.var())) / count)
        gap = abs(float(a.mean() - b.mean()))
        if gap > LIMIT * error + 1e-12:
            yield f"{word} {float(a.mean()):.4g} became {float(b.mean()):.4g}, {gap / error:.1f} errors"
    yield from _other_distribution(*(one[:: max(1, count // SAMPLE)].sort().values for one in (eager, ours)))


def _other_distribution(eager: torch.Tensor, ours: torch.Tensor) -> Iterator[str]:
    """Kolmogorov and Smirnov's distance between two sorted samples."""
    both = torch.cat([eager, ours])
    below = [torch.searchsorted(one, both, right=True).double() / len(one) for one in (eager, ours)]
    gap = float((below[0] - below[1]).abs().max())
    if math.sqrt(len(eager) / 2) * gap > KOLMOGOROV:
        yield f"another distribution: {gap:.3f} apart"


def _off_laws(plan: igt.Plan, eager: dict[str, torch.Tensor]) -> Iterator[str]:
    """Where the law that was read has another standard deviation or bound than the weights have."""
    for path, entry in plan.items():
        if entry.initializer is None or path not in eager or entry.shape == () or 0 in entry.shape:
            continue
        law = entry.initializer.law(entry.shape, layout=entry.layout, groups=entry.groups)
        values = eager[path].double()
        size, found = math.sqrt(law.std**2 + abs(law.mean) ** 2), float(values.square().mean()) ** 0.5
        if abs(found - size) > max(0.01 * size, LIMIT * _error_of_size(values, size)):
            yield f"{path}: {entry.initializer} has size {size:.4g}, the weights {found:.4g}"
        low, high = law.bounds
        slack = 0.01 * max(abs(low), abs(high)) if math.isfinite(low + high) else 0.0
        if float(values.min()) < low - slack or float(values.max()) > high + slack:
            yield f"{path}: {entry.initializer} lies in [{low:.4g}, {high:.4g}], the weights beyond"


def _error_of_size(values: torch.Tensor, size: float) -> float:
    """The standard error of a root mean square: half that of the mean square over it.

    Of a few values their own spread says little, and that of normals of the law's size stands for it.
    """
    square = values.square()
    if values.numel() < 2:
        return math.inf
    own = float(square.std()) / math.sqrt(values.numel()) / (2 * float(square.mean()) ** 0.5 or math.inf)
    return max(own, size / math.sqrt(2 * values.numel()))


def _losses(eager: nn.Module, build: Build, loss: Callable[[nn.Module], float]) -> list[float]:
    found = [loss(eager)]
    for seed in range(1, SEEDS):
        torch.manual_seed(seed)
        found.append(loss(build()))
    return found


def _off_losses(
    theirs: list[float], model: nn.Module, build: Build, loss: Callable[[nn.Module], float]
) -> Iterator[str]:
    ours = [loss(model)]
    for seed in range(2, SEEDS + 1):
        ours.append(loss(igt.materialize_(igt.deferred(build), seed=seed)))
    one, other = torch.tensor(theirs).double(), torch.tensor(ours).double()
    error = math.sqrt((float(one.var()) + float(other.var())) / SEEDS)
    gap = abs(float(one.mean() - other.mean()))
    if not gap <= STUDENT * error + 1e-6:
        yield f"loss {theirs} became {ours}"


def state_hash(state: dict[str, torch.Tensor]) -> str:
    """Of all bits."""
    digest = hashlib.blake2b(digest_size=12)
    for path, tensor in state.items():
        digest.update(path.encode())
        digest.update(
            tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        )
    return digest.hexdigest()


def blocks(model: nn.Module) -> list[nn.Module]:
    """What is sharded by itself: the layers of lists, then the parts of the model; inner ones first."""
    lists = [one for one in model.modules() if isinstance(one, nn.ModuleList)][::-1]
    found = [layer for one in lists for layer in one] + list(model.children())
    has_forward = (one for one in found if not isinstance(one, nn.ModuleList | nn.ModuleDict | None))
    parts = list(dict.fromkeys(one for one in has_forward if any(True for _ in one.parameters())))
    return [one for one in parts if not any(_shares(one, other) for other in parts)]


def _shares(one: nn.Module, other: nn.Module) -> bool:
    """Whether two parts that lie side by side have a parameter in common, which torch shards only once."""
    if one in other.modules() or other in one.modules():
        return False
    return not {*map(id, one.parameters())}.isdisjoint(map(id, other.parameters()))


def sharded_hashes(rank: int, names: list[str], library: str, folder: str) -> None:
    """One of two processes: each model sharded, materialised and gathered."""
    import torch.distributed as dist
    from torch.distributed.fsdp import fully_shard

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    mesh = dist.device_mesh.init_device_mesh("cpu", (2,))
    found = {}
    for name in names:
        try:
            model = igt.deferred(models(library, [name])[name][0])
            for block in blocks(model):
                fully_shard(block, mesh=mesh)
            fully_shard(model, mesh=mesh)
            igt.materialize_(model, seed=1)
            state = {
                path: getattr(one, "full_tensor", lambda one=one: one)() for path, one in named(model).items()
            }
            found[name] = state_hash(state)
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    if rank == 0:
        Path(folder, "hashes.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def main() -> int:
    """Prints a line for each model; status 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--library", default="transformers")
    parser.add_argument("--sharded", action="store_true")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    every = models(chosen.library, chosen.names)
    names = list(every)
    if chosen.sharded:
        return _compare_sharded(names, chosen.library)
    rows = [_row(name, *every[name], chosen.bare) for name in names]
    good, out = sum(not row["problems"] for row in rows), sum("is_out" in row for row in rows)
    print(f"{good - out} of {len(rows)} of {chosen.library} start the same, {out} are refused by name")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))
    return int(good < len(rows))


def _row(name: str, build: Build, loss: Loss, bare: bool) -> dict[str, Any]:
    try:
        row = compare_bare(name, build) if bare else compare(name, build, loss)
    except Exception as error:
        row = {"name": name, "problems": [f"{type(error).__name__}: {error}"], **_counts({})}
    counts = ", ".join(f"{row[kind]} {kind}" for kind in KINDS)
    found = "; ".join(row["problems"][:4])[:600] or row.get("is_out") or "same"
    print(f"{name:32} {counts}  {found}", flush=True)
    return row


def _compare_sharded(names: list[str], library: str) -> int:
    import torch.multiprocessing as processes

    with tempfile.TemporaryDirectory() as folder:
        processes.spawn(sharded_hashes, (names, library, folder), nprocs=2)
        found = json.loads(Path(folder, "hashes.json").read_text())
    alone = {name: state_hash(named(_started(name, library))) for name in names}
    for name in names:
        print(f"{name:32} {'the same bits' if found[name] == alone[name] else found[name]}")
    equal = sum(found[name] == alone[name] for name in names)
    print(f"two processes gather to the bits of one: {equal} of {len(names)}")
    return int(equal < len(names))


def _started(name: str, library: str) -> nn.Module:
    return igt.materialize_(igt.deferred(models(library, [name])[name][0]), seed=1)


if __name__ == "__main__":
    raise SystemExit(main())
