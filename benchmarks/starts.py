"""igt.init_ against other starts, row by row: learning rate from a shared grid, several seeds, test scores.

    python benchmarks/starts.py                              # everything that the store does not hold yet
    python benchmarks/starts.py --rows digits-relu,vit --seeds 5 --jobs 2
    python benchmarks/starts.py --quick --rows digits-relu   # two seeds, a quarter of the updates, not stored
    python benchmarks/starts.py --seconds                    # what the starts themselves take
    python benchmarks/starts.py --page                       # docs/starts.md from what is stored

Every start of a row sees the same batches and the same grid of rates.  Seed 0 (in rows that say so the first
three) is trained at every rate; the rate with the best validation score is then trained with all seeds, whose
test scores are the result.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from isogain.jobs.executing import Crew
from starting import costs, page
from starting.competitors import STARTS
from starting.rows import LATER, ROWS, SLOW, Row
from starting.store import Store
from starting.summary import best_rate
from starting.training import fresh, run

STORED = Path(__file__).resolve().parent / "starts.jsonl"
Unit = tuple[str, str, str]
"""Row, start, optimizer."""


def units(arguments: argparse.Namespace) -> list[Unit]:
    """What is asked for, in the order in which it is missed most."""
    every = [
        (row.name, start, optimizer)
        for row in _rows(arguments.rows)
        for optimizer in row.rates
        for start in row.starts
        if _wanted(arguments.optimizers, optimizer) and _wanted(arguments.starts, start)
    ]
    return sorted(every, key=_turn)


def _turn(unit: Unit) -> int:
    """isogain's first, then what it is compared with: the quick, the slow, other activations, AdamW."""
    name, start, optimizer = unit
    ours, deep = start == "isogain", name.startswith("digits-")
    if deep and optimizer == "adamw":
        return 3 if ours else 5
    if ours:
        return 0
    return 4 if name in LATER else 2 if name in SLOW else 1


def _rows(names: str | None) -> list[Row]:
    if names is None:
        return list(ROWS.values())
    unknown = [name for name in names.split(",") if name not in ROWS]
    if unknown:
        sys.exit(f"no row is called {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return [ROWS[name] for name in names.split(",")]


def _wanted(names: str | None, name: str) -> bool:
    return names is None or name in names.split(",")


def complete(unit: Unit, store: Store, seeds: int, quick: bool) -> None:
    """Trains what is missing of one row, start and optimizer."""
    torch.set_num_threads(1)
    name, start, optimizer = unit
    row = replace(ROWS[name], updates=ROWS[name].updates // 4) if quick else ROWS[name]
    for rate in row.rates[optimizer]:
        for seed in range(row.choosers.get(optimizer, 1)):
            _once(row, start, optimizer, rate, seed, store)
    rate = best_rate(row, store.records(), start, optimizer)
    assert rate is not None
    for seed in range(seeds):
        _once(row, start, optimizer, rate, seed, store)
    scores = [store.records()[name, start, optimizer, rate, seed]["test"] for seed in range(seeds)]
    print(f"{name:20} {optimizer:6} {start:22} rate {rate:<7g} test {scores}", flush=True)


def _once(row: Row, start: str, optimizer: str, rate: float, seed: int, store: Store) -> None:
    if (row.name, start, optimizer, rate, seed) in store.records():
        return
    store.add(run(row, start, optimizer, rate, seed))


def _stale(row: Row, store: Store) -> str | None:
    """The row's name, where isogain would now decide otherwise than in the stored runs."""
    import isogain.torch as igt

    first = [run for run in store.records().values() if run["row"] == row.name and run["seed"] == 0]
    stored = {run.get("plan") for run in first} - {None}
    if not stored:
        return None
    return None if stored == {igt.plan(*fresh(row, 0)).hash} else row.name


def _complete(_: None, arguments: tuple[Unit, Store, int, bool]) -> None:
    torch.set_num_threads(1)
    try:
        complete(*arguments)
    except Exception as error:
        print(f"{' '.join(arguments[0])} failed: {type(error).__name__}: {error}", flush=True)


def main() -> None:
    arguments = _arguments()
    if arguments.seconds:
        torch.set_num_threads(1)
        costs.measure(_rows(arguments.rows))
        return
    store = Store(Path(tempfile.mkdtemp()) / "quick.jsonl" if arguments.quick else STORED)
    seeds = 2 if arguments.quick else arguments.seeds
    if arguments.again:
        gone = store.forget({row.name for row in _rows(arguments.rows)}, set(arguments.again.split(",")))
        print(f"{gone} runs forgotten")
    if arguments.stale:
        for name in filter(None, (_stale(row, store) for row in _rows(arguments.rows))):
            print(f"{name}: another plan now, {store.forget({name}, {'isogain'})} runs forgotten")
    if not arguments.page:
        work = [(unit, store, seeds, arguments.quick) for unit in units(arguments)]
        crew = Crew(_complete, None, arguments.backend, arguments.jobs, arguments.address)
        with crew:
            for _ in crew.run(work):
                pass
    print("\n".join(page.lines(store.records(), range(seeds), _rows(arguments.rows))))
    if arguments.page:
        page.write(store.records(), range(seeds), arguments.lab)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", help="names with commas between; all unless given")
    parser.add_argument("--starts", help=f"of {', '.join(STARTS)}")
    parser.add_argument("--optimizers", help="sgd, adamw")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--backend", default="loky", help="loky, dask or ray: who runs those processes")
    parser.add_argument("--address", help="of the Dask scheduler or Ray head")
    parser.add_argument("--again", help="starts whose stored runs of these rows are forgotten first")
    parser.add_argument(
        "--stale", action="store_true", help="forget runs of plans that isogain changed since"
    )
    parser.add_argument(
        "--quick", action="store_true", help="two seeds, a quarter of the updates, not stored"
    )
    parser.add_argument("--lab", help="with --page: a results folder in which ten-thousand-layers was run")
    parser.add_argument("--seconds", action="store_true", help="time the starts themselves, train nothing")
    parser.add_argument("--page", action="store_true", help="write docs/starts.md, train nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
