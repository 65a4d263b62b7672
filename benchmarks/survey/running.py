"""Every piece of work in a process of its own, with a limit; what is finished is not done again."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import logging
import multiprocessing
import resource
import subprocess
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import torch
from torch import nn

from survey import operators  # noqa: F401  (before torchvision is imported by anyone)
from survey.models import Model, every

Record = dict[str, Any]
HERE = Path(__file__).resolve().parent
LIMIT_GIB = 9


@dataclass(frozen=True)
class Unit:
    """A check, or a training from one start with one seed."""

    model: str
    start: str = ""
    seed: int = 0


def commit() -> str:
    """The last commit that changed the library, with a mark if it was changed since."""
    where = HERE.parents[1] / "src"

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments, "--", str(where)], cwd=HERE, text=True, capture_output=True
        ).stdout.strip()

    return git("log", "-1", "--format=%h") + ("+" if git("status", "--porcelain", "-uno") else "")


def key(record: Record) -> tuple[Any, ...]:
    """What makes a piece of work the one it is."""
    return tuple(record.get(name) for name in ("model", "start", "seed", "version", "isogain"))


class Store:
    """Records as JSON lines, the newest of each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> dict[tuple[Any, ...], Record]:
        """All of them."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return {key(record): record for record in map(json.loads, lines)}

    def add(self, record: Record) -> None:
        """One more."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def run(units: Iterable[Unit], store: Store, limit_s: float) -> Iterator[Record]:
    """Does what is missing, one after the other; the records as they come."""
    done, at = store.records(), commit()
    for unit in units:
        model = every()[unit.model]
        # what a model learns from its own start is no matter of isogain's
        record = asdict(unit) | {"version": model.version, "isogain": "" if unit.start == "own" else at}
        if model.version is None or _final(done.get(key(record))):
            continue
        found = _apart(unit, limit_s)
        store.add(record | found)
        yield record | found


def _final(record: Record | None) -> bool:
    """Whether there is nothing to try again: errors may be the survey's own."""
    return record is not None and record.get("failed", "not finished").startswith("not finished")


def _apart(unit: Unit, limit_s: float) -> Record:
    """The unit's record, made in a fork: what is imported and worked out already need not be again."""
    _warm()
    _preload(every()[unit.model].library)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(unit, theirs, limit_s))
    process.start()
    theirs.close()
    try:
        # the process itself stops at the limit; the clock is for one that waits
        return ours.recv() if ours.poll(10 * limit_s) else {"failed": "not finished: waits"}
    except EOFError:
        return {"failed": f"not finished in {limit_s:.0f} s of one core and {LIMIT_GIB} GiB"}
    finally:
        process.kill()
        process.join()


@cache
def _warm() -> None:
    """Integrals over the common activations, once for all; on one thread, so that forking is safe."""
    torch.set_num_threads(1)
    import isogain.torch as igt

    for activation in (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid):
        layers = [nn.Linear(8, 8), activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 8)]
        igt.init_(nn.Sequential(*layers), torch.randn(16, 8), keep_healthy=False, findings=True)


@cache
def _preload(library: str) -> None:
    for module in ("survey.training", "scipy.integrate", *_packages().get(library, ())):
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(module)


@cache
def _packages() -> dict[str, list[str]]:
    """What is imported of each distribution."""
    found: dict[str, list[str]] = {}
    for package, owners in packages_distributions().items():
        for owner in owners:
            found.setdefault(owner, []).append(package)
    return found


def _work(unit: Unit, answer: Any, limit_s: float) -> None:
    from survey.checking import check, told
    from survey.training import train

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_GIB << 30, LIMIT_GIB << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s)))
    model = every()[unit.model]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = train(model, unit.start, unit.seed) if unit.start else check(model)
    except Exception as error:
        found = {"failed": told(error)}
    answer.send(found)


def chosen(names: str, half: str) -> list[Model]:
    """The models whose names contain a part, in one half or both, in an order that mixes libraries."""
    parts = names.split(",")
    models = sorted(every().values(), key=lambda m: hashlib.blake2b(b"order " + m.name.encode()).digest())
    return [m for m in models if any(p in m.name for p in parts) and half in ("both", m.half)]
