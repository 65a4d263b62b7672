"""The lab's public functions: what there is, run it, look at it again, take it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from isogain.errors import LabError
from isogain.jobs.store import DEFAULT_FOLDER, Request, Store
from isogain.lab import exporting
from isogain.lab.axes import Axes, axes_of
from isogain.lab.datasets import Dataset, load
from isogain.lab.grouping import Run
from isogain.lab.outcome import Outcome, Outcomes
from isogain.lab.progress import terminal_progress
from isogain.lab.registry import Study
from isogain.lab.results import Results
from isogain.lab.runner import Progress, Where, complete, run_key
from isogain.lab.spec import Experiment
from isogain.lab.studies import studies
from isogain.lab.training import ENGINE_VERSION

__all__ = [
    "demo",
    "export",
    "outcomes",
    "run",
    "run_experiment",
    "unfinished",
]

NO_AXES = Axes()
Names = str | Iterable[str] | None
Data = str | Path | Dataset | tuple[Any, Any] | None
Seeds = int | Sequence[int] | None


def run(
    names: Names = None,
    *,
    data: Data = None,
    results: str | Path = DEFAULT_FOLDER,
    seeds: Seeds = None,
    quick: bool = False,
    widths: int | Sequence[int] = (),
    depths: int | Sequence[int] = (),
    activations: str | Sequence[str] = (),
    starts: str | float | Sequence[str | float] = (),
    backend: str = "threads",
    workers: int | None = None,
    address: str | None = None,
    progress: bool | Progress = True,
) -> Outcomes:
    """Runs experiments (all of them unless named) and returns what each of them says.

    Finished runs in the `results` folder are not run again; an interrupted call resumes when repeated.

    names: one or several of `experiments()`.  data: what digits experiments train on, see
    `datasets.load`.  seeds: how many, or which.  quick: the shortened versions.  progress: a bar in
    a terminal or a notebook, nothing, or a function told (title, updates done, updates in all).

    widths, depths, activations, starts: the same question along axes of one's own, every combination of
    them; a start is a name of the catalog or a standard deviation.  An axis that is not given stays as it is.
    backend: "threads" of this process, or processes: "loky" here, "dask" or "ray" at `address`: same bits.

    Raises LabError for an unknown name, an experiment that takes no axes, or a store that cannot be used,
    DataError for the data.
    """
    chosen, axes = studies(names), axes_of(widths, depths, activations, starts)
    where = Where(backend, workers, address)
    with Store(results) as store, _progress(progress) as callback:
        return Outcomes(_outcome(study, axes, store, data, seeds, quick, callback, where) for study in chosen)


def _progress(progress: bool | Progress) -> AbstractContextManager[Progress | None]:
    if progress is True:
        return terminal_progress()
    return nullcontext(progress or None)


def _outcome(
    study: Study, axes: Axes, store: Store, data: Data, seeds: Seeds, quick: bool,
    progress: Progress | None, where: Where,
) -> Outcome:  # fmt: skip
    dataset = load(data if study.experiment.data == "mnist" else study.experiment.data)
    study = study.along(axes, dataset) if axes else study
    experiment = _asked(study.experiment, seeds, quick)
    request = _request(experiment, dataset, data, seeds, quick, store, axes)
    store.remember(request)
    elapsed = request.elapsed_s + complete(experiment, dataset, store, progress, where)
    done = Request(request.experiment, request.content, True, elapsed)
    store.remember(done)
    return study.analyse(_results(experiment, done, store))


def _asked(experiment: Experiment, seeds: Seeds, quick: bool) -> Experiment:
    return (experiment.reduced() if quick else experiment).with_seeds(seeds)


def _request(
    experiment: Experiment, dataset: Dataset, data: Data, seeds: Seeds, quick: bool, store: Store,
    axes: Axes = NO_AXES,
) -> Request:  # fmt: skip
    given: list[str] = (
        ["--data", str(data)] if experiment.data == "mnist" and isinstance(data, (str, Path)) else []
    )
    if seeds is not None:
        given += ["--seeds", str(seeds) if isinstance(seeds, int) else ",".join(map(str, seeds))]
    content = {
        "seeds": list(experiment.seeds),
        "quick": quick,
        "data_title": dataset.title,
        "data_text": dataset.describe(),
        "data_digest": dataset.digest,
        "engine": ENGINE_VERSION,
        "arguments": given + ["--quick"] * quick + axes.arguments,
    }
    if axes:
        content |= {"axes": asdict(axes), "data": None if data is None else str(data)}
    before = [known for known in store.requests() if known.experiment == experiment.name]
    same = [known.elapsed_s for known in before if known.content == content]
    return Request(experiment.name, content, False, same[0] if same else 0.0)


def run_experiment(
    experiment: Experiment,
    *,
    data: Data = None,
    results: str | Path = DEFAULT_FOLDER,
    progress: bool | Progress = True,
) -> Results:
    """Runs an experiment of your own and returns its runs, for `Results.stack` and `Results.interval`.

    It is kept in the store and resumed like a named one; `run` is for those with an analysis of their own.
    """
    dataset = load(data if experiment.data == "mnist" else experiment.data)
    with Store(results) as store, _progress(progress) as callback:
        elapsed = complete(experiment, dataset, store, callback)
        request = _request(experiment, dataset, data, None, False, store)
        return _results(experiment, replace(request, elapsed_s=elapsed), store)


def _results(experiment: Experiment, request: Request, store: Store) -> Results:
    """The runs of a request, read back from the store."""
    content = request.content
    runs = [Run(arm, seed) for seed in experiment.seeds for arm in experiment.arms]
    digest = content["data_digest"]
    return Results(
        experiment=experiment,
        runs={(each.arm.label, each.seed): store.arrays(run_key(experiment, each, digest)) for each in runs},
        data_title=content["data_title"],
        data_text=content["data_text"],
        engine=content["engine"],
        arguments=tuple(content["arguments"]),
        elapsed_s=request.elapsed_s,
        is_reduced=content["quick"],
    )


def outcomes(results: str | Path = DEFAULT_FOLDER, names: Names = None) -> Outcomes:
    """What the finished experiments in a results folder say; nothing is trained.

    Raises LabError when the folder holds no results, or none of the asked experiments is finished there.
    """
    with Store(results, create=False) as store:
        finished = {request.experiment: request for request in store.requests() if request.complete}
        chosen = [study for study in studies(names) if study.experiment.name in finished]
        if not chosen:
            raise LabError(
                f"{store.path}: no finished experiment of those asked for; `isogain lab run` resumes"
            )
        return Outcomes(_again(study, finished[study.experiment.name], store) for study in chosen)


def _again(study: Study, request: Request, store: Store) -> Outcome:
    """The analysis of a finished request, from the store alone."""
    content = request.content
    if "axes" in content:
        dataset = load(content["data"] if study.experiment.data == "mnist" else study.experiment.data)
        study = study.along(axes_of(**content["axes"]), dataset)
    experiment = _asked(study.experiment, content["seeds"], content["quick"])
    return study.analyse(_results(experiment, request, store))


def unfinished(results: str | Path = DEFAULT_FOLDER) -> list[str]:
    """The names of the experiments that were started in this results folder and not finished."""
    with Store(results, create=False) as store:
        return [request.experiment for request in store.requests() if not request.complete]


def export(
    results: str | Path = DEFAULT_FOLDER,
    directory: str | Path = "isogain-export",
    format: Literal["csv", "parquet"] = "csv",
) -> list[Path]:
    """Writes every run and every measured number of a results folder as tables; returns the files.

    `runs` has a row a run, `measures` a row a number: run, measure, update, layer, place, value.
    """
    with Store(results, create=False) as store:
        return exporting.export(store, Path(directory), format)


DEMO = (
    "activation-distributions",
    "mnist-training",
    "decision-boundary",
    "strategies",
    "activations",
    "batch-normalization",
    "clipping",
)


def demo(
    *,
    data: Data = None,
    results: str | Path = DEFAULT_FOLDER,
    progress: bool | Progress = True,
) -> Outcomes:
    """The classic experiments in their shortened versions; each says that it is one."""
    return run(DEMO, data=data, results=results, quick=True, progress=progress)
