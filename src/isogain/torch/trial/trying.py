"""`trial`: the same model from several starts, trained on the same batches, judged honestly."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from isogain.checking import Checks, shown
from isogain.errors import TrialError
from isogain.jobs.bar import Report, bar
from isogain.jobs.executing import BACKENDS, Crew, cores
from isogain.jobs.statistics import CONFIDENCE
from isogain.jobs.store import DEFAULT_FOLDER, Store
from isogain.torch.start.schemes import Scheme, scheme_name, starter
from isogain.torch.trial.batches import Examples, source_of
from isogain.torch.trial.budget import Budget, budget_of
from isogain.torch.trial.campaign import Asked, Campaign
from isogain.torch.trial.devices import devices_of
from isogain.torch.trial.optimizers import optimizer_rates, optimizers_of
from isogain.torch.trial.performing import perform
from isogain.torch.trial.preparing import checked, digest_of
from isogain.torch.trial.problem import Problem, Start, measure_of, named_loss
from isogain.torch.trial.result import Trial
from isogain.torch.trial.running import Job
from isogain.torch.trial.runs import Run
from isogain.torch.trial.telling import notes_of, settings_of
from isogain.torch.trial.unpacking import run_of

__all__ = ["trial"]

CHECKS = Checks(TrialError)
LAST_SEED, MOST_SEEDS = 2**31 - 2, 10_000
MOST_STEPS, MOST_WORKERS, MOST_THREADS = 10**9, 4096, 1024
Progress = bool | Report
Starts = Sequence[Scheme] | Mapping[str, Scheme]


def trial(
    build: Any,
    data: Any,
    starts: Starts = ("own", "init_", "he_normal"),
    *,
    loss: Any = None,
    optimizers: Any = "adam",
    rates: Any = None,
    steps: int = 300,
    seeds: int | Sequence[int] = 5,
    metric: Any = "loss",
    budget: Any = None,
    lower_is_better: bool | None = None,
    validation: Any = None,
    batch_size: int = 64,
    confidence: float = CONFIDENCE,
    backend: str = "loky",
    workers: int | None = None,
    address: str | None = None,
    device: str | None = None,
    threads: int = 1,
    inspect: bool = True,
    results: str | Path | None = DEFAULT_FOLDER,
    name: str | None = None,
    progress: Progress = True,
) -> Trial:
    """Trains a model of one's own from several starts and says which trains best: a Trial.

    Each start is trained at every rate for `steps` updates from every seed, all on the same batches of a
    seed, and stands at the rate that served it best.  Starts are judged by paired differences from the
    leader, with t intervals that hold together at `confidence` (Bonferroni over pairs): the trial is "won"
    when the leader is ahead of every other start, "level" when it is not.  Runs that diverge are counted,
    and score what is worst.

    build: makes the model, anew at each call; the seed is set before, and given if it asks for one.
    data: a pair of arrays or tensors, a mapping of names to such, a DataLoader, (data set, collate function),
        or a function giving batches.  A batch is (inputs, target), or a mapping of keyword arguments.
        A fifth of the examples is held out to judge by, unless `validation` gives others in the same forms.
    starts: "own" (as built), "init_", names of the catalog, initializers, recipes' names, Plans, functions
        of (model, seed); or a mapping name -> any of these.
    loss: a function of (output, target), or the name of one in torch.nn.functional; None: the output's own.
    optimizers, rates: "sgd", "momentum", "adam", "adamw", or functions of (parameters, lr=); rates for all
        of them, or by name.  Each start takes the best pair.
    metric: "loss", "accuracy" or a function of (outputs, targets), of which more is better unless
        `lower_is_better`.
    budget: a time such as "10m", or updates in all.  Where it does not hold everything, rates and starts
        that cannot win any more at this confidence are dropped seed by seed, and nothing else is.  With 0
        nothing is run.
    backend: "loky" (processes here; `workers=1`: none but this), "dask" or "ray", at `address` or here;
        results are the same bits on all of them.  device: "cuda" runs one job on each visible GPU.
    inspect: whether every start is looked at before it trains.
    results: the folder whose store keeps every finished run and resumes; None keeps nothing.

    Raises TrialError for what no trial can be made of, before anything is trained; JobError for a backend.
    Ctrl-C keeps what is finished: the same call goes on from there.

    >>> x, y = torch.randn(200, 8), torch.randint(0, 2, (200,))
    >>> found = trial(
    ...     lambda: torch.nn.Linear(8, 2), (x, y), ("own", "zeros"), loss="cross_entropy", rates=0.01,
    ...     steps=5, seeds=2, workers=1, results=None,
    ... )
    >>> found.verdict
    'level'
    """
    problem = Problem(
        build, _data(data, CHECKS.whole("batch_size", batch_size)),
        None if validation is None else _validation(validation, batch_size), named_loss(loss),
        measure_of(metric, lower_is_better), CHECKS.whole("steps", steps, most=MOST_STEPS), starts_of(starts),
        optimizers_of(optimizers), _device(device), CHECKS.whole("threads", threads, most=MOST_THREADS),
    )  # fmt: skip
    chosen, bound = _seeds(seeds), budget_of(budget)
    found = checked(problem, chosen[0])
    problem = replace(problem, channels_last=found.channels_last, form=found.form)
    asked = Asked(
        _name(build) if name is None else CHECKS.text("name", name, "mnist"),
        optimizer_rates(rates, [one for one, _ in problem.optimizers]), chosen,
        CHECKS.number("confidence", confidence, above=0, below=1), digest_of(problem, found.model),
        CHECKS.flag("inspect", inspect),
    )  # fmt: skip
    crew = _crew(problem, backend, workers, address, len(chosen))
    return _tried(problem, asked, crew, bound, results, _told(progress), found.notes)


def _tried(
    problem: Problem, asked: Asked, crew: Callable[[], Crew], budget: Budget, results: Any,
    progress: Progress, notes: Sequence[str],
) -> Trial:  # fmt: skip
    began = time.monotonic()
    with (
        _folder(results) as folder,
        Store(folder) as store,
        _shown(progress, asked.name) as report,
        crew() as team,
    ):
        campaign = Campaign(problem, asked, store, team, budget, report or _silent)
        if budget.updates != 0:
            campaign.complete()
    _refuse_all_failed(campaign)
    bare = Trial(
        asked.name, tuple(start.name for start in problem.starts), tuple(campaign.runs.values()),
        campaign.looks,
        problem.measure.name, problem.measure.lower_is_better, problem.steps, asked.seeds, asked.confidence,
        campaign.dropped, len(asked.seeds) if campaign.looked else 1, (), settings_of(problem, asked),
        time.monotonic() - began, _Objective(problem, asked, results),
    )  # fmt: skip
    return replace(bare, notes=(*notes, *notes_of(bare, team.lost, budget)))


class _Objective:
    """The metric of one run, made or looked up."""

    def __init__(self, problem: Problem, asked: Asked, results: Any) -> None:
        self.problem, self.asked, self.results = problem, asked, results

    def __call__(self, start: str, rate: float, seed: int, optimizer: str | None) -> float:
        names = [name for name, _ in self.problem.optimizers]
        place = names.index(names[0] if optimizer is None else CHECKS.choice("optimizer", optimizer, names))
        which = [one.name for one in self.problem.starts].index(start)
        job = Job(
            "train",
            which,
            CHECKS.whole("seed", seed, least=0, most=LAST_SEED),
            place,
            CHECKS.number("rate", rate, above=0),
        )
        with _folder(self.results) as folder, Store(folder) as store:
            crew = Crew(perform, self.problem, workers=1)
            campaign = Campaign(self.problem, self.asked, store, crew, Budget(), _silent)
            run: Run = next(
                run_of(self.problem, job, done) for job, done in campaign.done([job], lambda: True)
            )
        if run.error:
            raise TrialError(f"{start} at {rate:g}, seed {seed}: {run.error}")
        return self.problem.measure.worst if run.diverged else run.score


def starts_of(given: Any) -> tuple[Start, ...]:
    """The starts and their names; TrialError for a scheme that is unknown, or two of one name."""
    pairs = list(given.items()) if isinstance(given, Mapping) else [(None, one) for one in _several(given)]
    found = tuple(Start(str(name or scheme_name(scheme)), scheme) for name, scheme in pairs)
    names = [start.name for start in found]
    if not found or len(set(names)) < len(names):
        raise TrialError(
            f"starts: one or more, each with a name of its own, got {shown(names)}; give a mapping "
            f"name -> start "
            "for several functions of one name"
        )
    for start in found:
        _check(start)
    return found


def _check(start: Start) -> None:
    try:
        starter(start.scheme, None)
    except Exception as error:
        raise TrialError(f"starts: {error}") from error


def _several(given: Any) -> tuple[Any, ...]:
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(","))
    return CHECKS.series("starts", given, "starts such as 'own', 'init_', 'he_normal'")


def _data(given: Any, size: int) -> Any:
    found = source_of(given, size)
    if isinstance(found, Examples) and found.count < 2:
        raise TrialError("data: one example; two or more are needed, to train on one and judge by another")
    return found


def _validation(given: Any, size: int) -> Any:
    try:
        return source_of(given, size)
    except TrialError as error:
        raise TrialError(f"validation: {error}") from error


def _seeds(given: Any) -> tuple[int, ...]:
    if isinstance(given, int) and not isinstance(given, bool):
        return tuple(range(CHECKS.whole("seeds", given, most=MOST_SEEDS)))
    found = tuple(
        CHECKS.whole("seeds", one, least=0, most=LAST_SEED)
        for one in CHECKS.series("seeds", given, "seeds, or how many")
    )
    if not found or len(set(found)) < len(found):
        raise TrialError(f"seeds must be one or more that differ, got {shown(given)}")
    return found


def _device(device: Any) -> str | None:
    if device is None:
        return None
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TrialError(f"device must be such as 'cpu' or 'cuda', got {shown(device)}") from error
    if wanted.type == "cuda" and not torch.cuda.is_available():
        raise TrialError(f"device {shown(device)}: no GPU is visible here")
    return str(wanted)


def _crew(
    problem: Problem, backend: str, workers: int | None, address: str | None, seeds: int
) -> Callable[[], Crew]:
    CHECKS.choice("backend", backend, BACKENDS)
    if workers is not None:
        CHECKS.whole("workers", workers, most=MOST_WORKERS)
    if address is not None:
        CHECKS.text("address", address, "tcp://scheduler:8786")
        if backend == "loky":
            raise TrialError(
                f"address {shown(address)} is of a cluster: say whose, backend='dask' or backend='ray'"
            )
    here = devices_of(problem.device) or max(cores() // problem.threads, 1)
    count = workers if workers is not None or backend != "loky" else here
    gpus = problem.device is not None and problem.device.startswith("cuda")
    return lambda: Crew(perform, problem, backend, count, address, gpus)


def _name(build: Any) -> str:
    name = getattr(build, "__qualname__", None) or type(build).__name__
    return "trial" if name.endswith("<lambda>") else str(name).rpartition(".")[2]


@contextmanager
def _folder(results: Any) -> Iterator[Path]:
    """The results folder, or one that goes when it is no longer needed."""
    if results is not None:
        if not isinstance(results, (str, Path)):
            raise TrialError(f"results must be a folder's path or None, got {shown(results)}")
        yield Path(results)
        return
    with tempfile.TemporaryDirectory(prefix="isogain-") as folder:
        yield Path(folder)


def _shown(progress: Progress, title: str) -> Any:
    return bar(title) if progress is True else nullcontext(progress or None)


def _told(progress: Any) -> Progress:
    """Whom to tell, if that can be told; TrialError otherwise."""
    if progress is None or isinstance(progress, bool):
        return progress or False
    if callable(progress):
        return partial(_tell, progress)
    raise TrialError(
        f"progress must be True, False or a function of (text, done, total), got {shown(progress)}"
    )


def _tell(progress: Report, *told: Any) -> None:
    try:
        progress(*told)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise TrialError(f"progress raised {what}; it is called with (text, done, total)") from error


def _silent(text: str, done: int, total: int) -> None: ...


def _refuse_all_failed(campaign: Campaign) -> None:
    """Where no run came to its end there is nothing to tell, but why."""
    runs = campaign.runs.values()
    if runs and all(run.error for run in runs):
        raise TrialError(f"no run came to its end: {next(iter(runs)).error}")
