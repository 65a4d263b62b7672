"""Models in shards, in parts, in stages, replicated, checkpointed or compiled, against the model alone.

    python benchmarks/parallel.py [--only WAY] [--ask inspect Monitor init_] [--processes 1 2 4]

Over gloo on 1, 2 and 4 processes a decoder of two blocks (tokens, rotary positions, attention by grouped
heads) and a deep plain network are wrapped in each way, and `igt.inspect`, `igt.Monitor` and `igt.init_` are
asked of them, every process with its share of the batch.  The same is asked of the model alone with all of
it.

inspect: the verdict, all findings and their fixes are the same, and so are the sizes of the signal and of the
gradient at every layer, and of every parameter's gradient.  Monitor: verdicts, findings, losses and how far
parameters moved at every step.  init_: hashes of all parameters gathered and of the plan, and what the
receipt says.  "ok" stands for all of that; with a number where sizes differ by more than .1 %, at most.  In
bfloat16 verdicts, plans and sizes are compared.  `+`: what coverage.skipped says besides, below the table.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as processes

import isogain.torch as igt
from isogain.graph.paths import stable_path
from parallel_ways import MODELS, RATE, SAMPLES, WAYS, Model, Placed, Way, alone

STEPS, SEED = 3, 5
EXACT, STATISTICAL = 1e-3, SAMPLES**-0.5
"""Relative differences of sizes that another order of sums makes, and that bfloat16 may: as another batch."""
WRAPPER = "_checkpoint_wrapped_module."


@dataclass(frozen=True)
class Said:
    """What one function said of a model: what has to be equal, and numbers that have to be near."""

    equal: dict[str, Any]
    near: dict[str, float]
    skipped: tuple[str, ...] = ()


def inspected(one: Placed) -> Said:
    """By `inspect`."""
    report = igt.inspect(one.model, one.inputs, one.loss)
    equal: dict[str, Any] = {"verdict": report.verdict}
    equal["findings"] = sorted((f.key, f.fix.replace(WRAPPER, "")) for f in report.findings)
    near = sizes(report) | {"loss": one.weighed(report.table.loss_value)}
    return Said(equal, near, report.coverage.skipped)


def sizes(report: igt.Report) -> dict[str, float]:
    """Of signals and gradients of every layer, and of every parameter's gradient."""
    layers = [(f"{layer.path} {layer.op}", layer) for layer in report.layers]
    found = {f"{name} #{k}": layer.rms for k, (name, layer) in enumerate(layers)}
    found |= {f"{name} #{k} gradient": layer.gradient_rms for k, (name, layer) in enumerate(layers)}
    states = report.table.parameters.items()
    gradients = {stable_path(name): s.gradient.rms for name, s in states if s.gradient is not None}
    return found | {f"{name} gradient": size for name, size in gradients.items()}


def watched(one: Placed) -> Said:
    """By `Monitor`, over some steps."""
    optimizer = torch.optim.SGD(one.model.parameters(), RATE)
    monitor = igt.Monitor(one.model, one.inputs, one.loss, optimizer=optimizer)
    for _ in range(STEPS):
        one.step(optimizer)
        monitor.step()
    monitor.close()
    seen = monitor.snapshots
    equal: dict[str, Any] = {f"step {s.step}": s.report.verdict for s in seen}
    equal |= {f"step {s.step} findings": sorted(f.key for f in s.report.findings) for s in seen}
    near = {f"step {s.step} loss": one.weighed(s.report.table.loss_value) for s in seen}
    moves = [(s.step, {name: 10**moved for name, moved in s.update_to_data.items()}) for s in seen]
    near |= {f"step {step} {name} moved": one for step, moved in moves for name, one in moved.items()}
    near |= {f"step {step} median": median(moved.values()) for step, moved in moves if moved}
    return Said(equal, near, seen[-1].report.coverage.skipped)


def started(one: Placed, **options: Any) -> Said:
    """By `init_`."""
    before = hash_of(one.model)
    receipt = igt.init_(one.model, one.inputs, SEED, loss=one.loss, rates=False, **options)
    bits = hash_of(one.model)
    changed = bits if bits != before else "as before"
    return Said({"left": receipt.left, "plan": receipt.plan_hash, "bits": changed}, {})


def hash_of(model: torch.nn.Module) -> str:
    """Of all parameters, gathered."""
    digest = hashlib.blake2b(digest_size=6)
    for parameter in model.parameters():
        whole: Any = parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter
        digest.update(whole.detach().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


Ask = Callable[[Placed], Said]
ASKED: dict[str, tuple[Ask, ...]] = {
    "inspect": (inspected,),
    "Monitor": (watched,),
    "init_": (started, partial(started, keep_healthy=False)),
}


ROUNDED = ("findings", "bits", "moved")
"""What bfloat16 decides: which findings a lost signal has, a factor's last digit, a bias' gradient."""


def compared(found: Said, alone: Said, mixed: bool) -> tuple[str, list[str]]:
    """ok, or what differs; and what was skipped more."""
    near = STATISTICAL if mixed else EXACT
    equal = {k: v for k, v in found.equal.items() if not (mixed and k.endswith(ROUNDED))}
    sizes = {k: v for k, v in found.near.items() if not (mixed and k.endswith(ROUNDED))}
    wrong = [f"{k}: {v}, alone {alone.equal[k]}" for k, v in equal.items() if alone.equal[k] != v]
    if found.near.keys() != alone.near.keys():
        wrong.append(f"names differ: {sorted(found.near.keys() ^ alone.near.keys())[:4]}")
    more = [one for one in found.skipped if one not in alone.skipped]
    seen = {k: v for k, v in sizes.items() if not (more and math.isnan(v))}
    apart = {k: _apart(v, alone.near.get(k, math.nan)) for k, v in seen.items()}
    worst = max(apart, key=apart.__getitem__, default="")
    largest = apart.get(worst, 0.0)
    if largest > near:
        wrong.append(f"{worst}: {found.near[worst]:.5g}, alone {alone.near.get(worst, math.nan):.5g}")
    said = "; ".join(wrong) or (f"ok {100 * largest:.1f} %" if largest > EXACT else "ok")
    return said, more


def _apart(one: float, other: float) -> float:
    """The relative difference; 0 where both are nan."""
    if math.isnan(one) and math.isnan(other):
        return 0.0
    apart = abs(one - other) / max(abs(other), 1e-12)
    return math.inf if math.isnan(apart) else apart


@cache
def of_whole(ask: Ask, model: Model, stages: int, trained: bool, mixed: bool) -> Said:
    """What is said of a model alone, of a look in bfloat16 as that."""
    return ask(alone(model, stages, trained, mixed and ask is inspected))


def asked(way: Way, model: Model, ask: Ask) -> tuple[str, list[str]]:
    """One way of one model on this process, against the model alone."""
    try:
        found = ask(way.placed(model))
    except Exception as error:  # what raises is what the table is to show
        return f"{type(error).__name__}: {error}"[:300], []
    return compared(found, of_whole(ask, model, way.stages, way.trained, way.mixed), way.mixed)


def run(rank: int, world: int, folder: str, only: str, names: list[str]) -> None:
    """One of the processes: its cells into a file."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    cells: dict[tuple[str, str], list[tuple[str, list[str]]]] = defaultdict(list)
    for way in (one for one in WAYS if only in one.name):
        for name in names:
            cells[way.name, name] += [asked(way, model, ask) for model in MODELS for ask in ASKED[name]]
    torch.save(dict(cells), Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def gathered(world: int, only: str, names: list[str]) -> dict[tuple[str, str], list[tuple[str, list[str]]]]:
    """Of each cell what all processes said of all models."""
    found: dict[tuple[str, str], list[tuple[str, list[str]]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        processes.spawn(run, (world, folder, only, names), nprocs=world)
        for rank in range(world):
            for key, said in torch.load(Path(folder) / f"{rank}.pt", weights_only=False).items():
                found[key] += said
    return found


def cell(said: Iterable[tuple[str, list[str]]]) -> str:
    """What stands in the table: the worst of all processes and models."""
    said = list(said)
    texts = [text for text, _ in said]
    plus = " +" if any(more for _, more in said) else ""
    worst = max(texts, key=lambda text: (not text.startswith("ok"), text), default="")
    return (worst if worst.startswith("ok") else "differs") + plus


def main() -> None:
    """Run, and print the table and what stands behind it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="a part of a way's name")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--ask", nargs="*", default=list(ASKED), choices=list(ASKED))
    options = parser.parse_args()
    found = {world: gathered(world, options.only, options.ask) for world in options.processes}
    print(f"torch {torch.__version__}, gloo\n")
    print(f"| {' / '.join(options.ask)} | {' | '.join(map(str, found))} |\n|---|{'---|' * len(found)}")
    for way in (one for one in WAYS if options.only in one.name):
        cells = [" / ".join(cell(found[w][way.name, name]) for name in options.ask) for w in found]
        print(f"| {way.name} | {' | '.join(cells)} |")
    for told in dict.fromkeys(_behind(found)):
        print(told)


def _behind(found: dict[int, Any]) -> Iterable[str]:
    for world, cells in found.items():
        for (way, name), said in cells.items():
            for text, more in said:
                yield from (f"{way}, {name}, {world}: {text}" for _ in range(not text.startswith("ok")))
                yield from (f"+ {way}: {one}" for one in more)


if __name__ == "__main__":
    main()
