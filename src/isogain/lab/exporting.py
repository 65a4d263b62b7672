"""The results store as plain tables, CSV or Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.errors import LabError
from isogain.jobs.store import Store, StoredRun

__all__ = ["FORMATS", "export"]

FORMATS = ("csv", "parquet")
UNMEASURED = ("evaluated_at", "report")
"""Arrays that are no measures: when something was measured, and what an inspection said."""
Columns = Mapping[str, Any]


def export(store: Store, directory: Path, format: str) -> list[Path]:
    """Writes runs and measures into `directory`; each file appears whole or not at all.

    Raises LabError for an unknown format or a directory that cannot be written.
    """
    if format not in FORMATS:
        raise LabError(f"format {format!r} is not one of {', '.join(FORMATS)}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tables: dict[str, Callable[[], Iterator[Columns]]] = {
            "runs": lambda: _runs(store),
            "measures": lambda: (
                _measures(run) for run in store.every() if run.arrays.keys() - {*UNMEASURED}
            ),
        }
        return [_write(directory / f"{name}.{format}", parts()) for name, parts in tables.items()]
    except OSError as error:
        raise LabError(f"{directory}: cannot be written ({error}); choose another directory") from error


def _runs(store: Store) -> Iterator[Columns]:
    for run in store.every():
        arm, conditions = run.content["arm"], run.content["conditions"]
        network = arm.get("network", {})  # a trial's runs have a model of the user's own
        yield {
            "run": [run.key],
            "experiment": [run.experiment],
            "arm": [run.arm],
            "seed": [run.seed],
            "updates": [conditions["iterations"]],
            "learning_rate": [float(arm["learning_rate"])],
            "activation": [network.get("activation", "")],
            "sizes": ["-".join(map(str, network.get("sizes", ())))],
            "batch_norm": [network.get("batch_norm", False)],
            "weights": [json.dumps(arm["weights"])],
            "elapsed_s": [run.elapsed_s],
            "content": [json.dumps(run.content)],
        }


def _measures(run: StoredRun) -> Columns:
    """All numbers of a run: which measure, after how many updates, which layer, which place within it."""
    parts = [_long(name, numbers, run) for name, numbers in run.arrays.items() if name not in UNMEASURED]
    names = ("measure", "update", "layer", "place", "value")
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in names}
    length = len(columns["value"])
    return {
        "run": [run.key] * length,
        "experiment": [run.experiment] * length,
        "arm": [run.arm] * length,
        "seed": np.full(length, run.seed),
        **columns,
    }


def _long(name: str, numbers: NDArray[Any], run: StoredRun) -> dict[str, NDArray[Any]]:
    """One array as columns; axes a measure does not have count 0."""
    update, layer, place = (axis.reshape(-1) for axis in _axes(name, numbers, run))
    value = numbers.astype(np.float64).reshape(-1)
    columns = {
        "measure": np.full(value.shape, name),
        "update": update,
        "layer": layer,
        "place": place,
        "value": value,
    }
    if name.startswith("test.") and run.content["conditions"]["record"].get("test_at_end"):
        return {key: column[-1:] for key, column in columns.items()}  # before, it was not measured
    return columns


def _axes(name: str, numbers: NDArray[Any], run: StoredRun) -> tuple[NDArray[Any], ...]:
    shape = numbers.shape
    nothing = np.zeros(shape, dtype=np.int64)
    if name == "loss":
        return np.arange(1, shape[0] + 1), nothing, nothing
    if name.startswith(("train.", "test.", "validation.")):
        return run.arrays["evaluated_at"], nothing, nothing
    if name == "diverged_at":
        return nothing, nothing, nothing
    if name.startswith("grid."):
        return nothing, nothing, np.arange(shape[0])
    looks = np.array(run.content["conditions"]["record"]["layers_at"])
    grids = np.meshgrid(looks, *(np.arange(length) for length in shape[1:]), indexing="ij")
    layer = grids[1] + 1
    return grids[0], layer, grids[2] if len(grids) > 2 else nothing


def _write(path: Path, parts: Iterator[Columns]) -> Path:
    """The parts one below the other in one file, moved to its place once complete."""
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise LabError("export needs pyarrow: pip install 'isogain[lab]'") from error
    writers = {"csv": pyarrow.csv.CSVWriter, "parquet": pyarrow.parquet.ParquetWriter}
    part_path, writer = path.with_name(f".{path.name}.part{os.getpid()}"), None
    for part in parts:
        table = pyarrow.table(dict(part))
        writer = writer or writers[path.suffix[1:]](str(part_path), table.schema)
        writer.write_table(table)
    if writer is None:
        raise LabError("there are no runs to export yet; `isogain lab run NAME` makes some")
    writer.close()
    part_path.replace(path)
    return path
