"""What a trial found: data that prints, goes to a page, to tables and to figures, and can be asked again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.errors import TrialError
from isogain.jobs.statistics import CONFIDENCE
from isogain.rendering import rendered
from isogain.torch.trial.judging import Judged, Terms, judged
from isogain.torch.trial.runs import Dropped, Look, Run

__all__ = ["FIGURES", "SCHEMA", "Trial"]

SCHEMA = "isogain.trial/1"
FIGURES = ("curves", "rates", "ranking")


@dataclass(frozen=True, eq=False)
class Trial:
    """Starts of one model, trained on the same batches and judged by paired differences.

    `print` it, or `to_html`, `to_json`, `to_frame`, `figure("curves" | "rates" | "ranking")`.
    """

    name: str
    starts: tuple[str, ...]
    runs: tuple[Run, ...]
    looks: Mapping[str, Look]
    metric: str
    lower_is_better: bool
    steps: int
    seeds: tuple[int, ...]
    """Those that were asked for; a budget may have ended before."""
    confidence: float = CONFIDENCE
    dropped: Mapping[str, Dropped] = field(default_factory=dict)
    """Starts that were left out on the way because they could not win any more."""
    looks_taken: int = 1
    """How often anything could be decided: intervals hold over all of them."""
    notes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0
    compute: Callable[[str, float, int, str | None], float] | None = field(default=None, repr=False)

    @cached_property
    def judged(self) -> Judged:
        """Each start at the rate that served it best, against the leader."""
        terms = Terms(self.metric, self.lower_is_better, self.confidence, self.looks_taken)
        return judged(self.starts, self.runs, self.looks, self.dropped, terms)

    @property
    def winner(self) -> str | None:
        """The start that is ahead of every other at the confidence asked for; None where there is none."""
        return self.judged.winner

    @property
    def best(self) -> str:
        """The start that leads, by however little."""
        return self.judged.standings[0].start

    @property
    def verdict(self) -> str:
        """'won', 'level' (the first ones cannot be told apart) or 'not settled' (too few runs)."""
        return self.judged.verdict

    def objective(self, start: str, rate: float, seed: int = 0, optimizer: str | None = None) -> float:
        """The metric that one run comes to: a plain function, for a search of one's own.

        A run that was made before is looked up.  One that diverges gives inf, or -inf where more is better:
        the worst value a search can meet.  Raises TrialError for a start that the trial does not have.

        >>> trial.objective("own", rate=0.01, seed=3)  # doctest: +SKIP
        """
        if not isinstance(start, str) or start not in self.starts:
            raise TrialError(f"no start {shown(start)} is in this trial; there are {', '.join(self.starts)}")
        if self.compute is None:
            raise TrialError(
                "this trial was read from a file: it knows no model to train; call igt.trial again"
            )
        return self.compute(start, rate, seed, optimizer)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; numbers that are not finite are None."""
        told = {
            "schema": SCHEMA, "name": self.name, "verdict": self.verdict, "winner": self.winner,
            "answer": self.judged.answer, "metric": self.metric, "lower_is_better": self.lower_is_better,
            "steps": self.steps, "seeds": list(self.seeds), "confidence": self.confidence,
            "standings": [one.to_dict() for one in self.judged.standings],
            "looks": {name: asdict(look) for name, look in self.looks.items()},
            "dropped": {name: asdict(one) for name, one in self.dropped.items()},
            "notes": list(self.notes), "settings": dict(self.settings),
            "runs": list(self._rows()),
        }  # fmt: skip
        return _finite(told)  # type: ignore[no-any-return]

    def to_json(self, indent: int | None = None) -> str:
        """The whole trial as JSON of schema isogain.trial/1."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row a run: start, optimizer, rate, seed, score, what it diverged at.

        Raises TrialError without pandas.
        """
        try:
            import pandas
        except ImportError as error:
            raise TrialError("to_frame needs pandas: pip install pandas") from error
        return pandas.DataFrame(list(self._rows()))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for run in self.runs:
            yield {
                "start": run.start, "optimizer": run.optimizer, "rate": run.rate, "seed": run.seed,
                "score": run.score, "first": float(run.metric[0]) if len(run.metric) else math.nan,
                "loss": _last(run.losses), "diverged_at": run.diverged_at, "error": run.error,
            }  # fmt: skip

    def outcome(self) -> Any:
        """The trial as an Outcome: what isogain.report draws."""
        return rendered("trial.outcome", self)

    def to_html(self, path: str | Path) -> Path:
        """Writes one self-contained page; returns its absolute path (needs isogain[lab])."""
        page: Path = rendered("trial.page", self, path)
        return page

    def figure(self, kind: str = "curves", path: str | Path | None = None) -> Any:
        """One picture, as a file (.svg, .pdf or .png) if a path is given, else as an Altair chart.

        "curves": loss against updates, each start at its rate; "rates": what each rate comes to; "ranking":
        how far each start is behind the leader.  Raises TrialError for another name.
        """
        if kind not in FIGURES:
            raise TrialError(f"figure: one of {', '.join(FIGURES)}, got {kind!r}")
        return rendered("trial.figure", self, kind, path)

    def _repr_html_(self) -> str:
        fragment: str = rendered("trial.fragment", self)
        return fragment

    def __str__(self) -> str:
        text: str = rendered("trial.text", self)
        return text

    def __repr__(self) -> str:
        return f"Trial({self.name!r}, {self.verdict}, {', '.join(self.starts)}, {len(self.runs)} runs)"


def _last(losses: NDArray[np.float64]) -> float:
    known = losses[~np.isnan(losses)] if len(losses) else losses
    return float(known[-1]) if len(known) else math.nan


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value
