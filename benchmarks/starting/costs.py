"""What a start itself takes: timed apart from training, one thread, nothing else running."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from starting.competitors import STARTS
from starting.rows import SLOW, Row
from starting.training import fresh

TIMED = ("isogain", "LSUV")
"""LSUV in stacks of 50 layers only: it runs all of a model for every layer, minutes where there are 500."""
STORED = Path(__file__).resolve().parents[1] / "starts_seconds.json"
ROUNDS = 3


def stored() -> dict[str, dict[str, float]]:
    """row -> start -> seconds, as last measured."""
    return json.loads(STORED.read_text()) if STORED.exists() else {}


def measure(rows: Iterable[Row]) -> None:
    """Times the starts of these rows and keeps the medians."""
    found = stored()
    for row in rows:
        found[row.name] = {start: _seconds(row, start) for start in TIMED if _timed(row, start)}
        print(row.name, found[row.name], flush=True)
        STORED.write_text(json.dumps(found, indent=1) + "\n")


def _timed(row: Row, start: str) -> bool:
    return start in row.starts and (start == "isogain" or row.name not in SLOW)


def _seconds(row: Row, start: str) -> float:
    return round(statistics.median(seconds(start, partial(fresh, row), ROUNDS)[1:]), 4)


def seconds(start: str, make: Callable[[int], tuple[nn.Module, Tensor]], rounds: int) -> list[float]:
    """Wall times of a start on models that `make` makes of seeds; the first one loads modules."""
    times = []
    for seed in range(rounds + 1):
        model, example = make(seed)
        began = time.perf_counter()
        STARTS[start](model, example, seed)
        times.append(time.perf_counter() - began)
    return times
