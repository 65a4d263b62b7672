"""What the studies share: the published starts by their labels, curves for charts, and wording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.core.initializers import Normal
from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.jobs.statistics import Interval, intervals
from isogain.lab.outcome import Chart, Claim, Outcome, Rule, Table
from isogain.lab.results import Results

__all__ = [
    "CHANCE_LOSS",
    "CHANCE_RULE",
    "CLASSIC_STARTS",
    "HE",
    "LECUN",
    "SMALL",
    "ahead",
    "beats",
    "claim",
    "curve",
    "dot",
    "dots",
    "listed",
    "outcome",
    "smoothed",
]

SMALL = "std 0.01"
LECUN = "Xavier (book) = LeCun, √(1/n)"
HE = "He, √(2/n)"
CLASSIC_STARTS: dict[str, Initializer] = {
    SMALL: Normal(0.01),
    LECUN: get("lecun_normal"),
    HE: get("he_normal"),
}
"""The three starts of Saitō's figures; the book's 'Xavier' is what the field calls LeCun."""

CHANCE_LOSS = float(np.log(10))
CHANCE_RULE = Rule(CHANCE_LOSS, "ln 10: guessing among ten")
MOST_POINTS = 200
"""Points of a curve in a chart; more cannot be told apart on a page."""


def smoothed(losses: NDArray[Any], window: int = 11) -> NDArray[Any]:
    """Each row averaged under a Kaiser window (beta 2), its ends mirrored, as the source's figures are."""
    weights = np.kaiser(window, 2)
    half = window // 2
    padded = np.pad(losses, [(0, 0)] * (losses.ndim - 1) + [(half, half)], mode="reflect")
    with np.errstate(invalid="ignore", over="ignore"):
        return np.apply_along_axis(np.convolve, -1, padded, weights / weights.sum(), mode="valid")


def curve(
    values: NDArray[Any], x: Sequence[float] | NDArray[Any], *, least: float = 0.0, most: float = np.inf,
    **keys: Any,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Chart rows x, y, low, high over seeds (the first axis), thinned to what a page can show.

    `least` and `most` are the smallest and the largest value there can be: intervals end there.
    """
    mean, low, high = intervals(values)
    low, high = np.maximum(low, least), np.minimum(high, most)
    places = np.unique(np.linspace(0, len(mean) - 1, min(len(mean), MOST_POINTS)).round().astype(int))
    for place in places:
        ends = [number(low[place]), number(high[place])]
        yield {"x": float(x[place]), "y": number(mean[place]), "low": ends[0], "high": ends[1], **keys}


def number(value: Any) -> float | None:
    """A float for a chart or table, None where it is not finite."""
    return float(value) if np.isfinite(value) else None


def listed(names: Sequence[str], nothing: str = "none") -> str:
    """'a', 'a and b', 'a, b and c'."""
    if not names:
        return nothing
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def claim(text: str, parts: Sequence[bool], evidence: str, settled: bool = True) -> Claim:
    """The verdict on a claim of several parts: all of them, some, or none hold in these runs."""
    if not settled:
        return Claim(text, "not settled", evidence)
    verdicts = {True: "holds", False: "does not hold"}
    return Claim(text, verdicts[all(parts)] if all(parts) or not any(parts) else "holds in part", evidence)  # type: ignore[arg-type]


def ahead(text: str, gaps: Sequence[Interval], evidence: str) -> Claim:
    """The verdict on 'this is ahead of that': not settled where every interval of the gap holds 0."""
    told = any(gap.above_zero or gap.below_zero for gap in gaps)
    return claim(text, [gap.above_zero for gap in gaps], evidence, settled=told)


def beats(text: str, gap: Interval, what: str, digits: str = ".3f") -> Claim:
    """The verdict on 'this is ahead of that' by one paired difference; `what` says of what."""
    return ahead(text, [gap], f"{what}: {gap.written(digits)}")


def dot(x: Any, found: Interval, **keys: Any) -> dict[str, Any]:
    """Chart row of one mean with its interval."""
    return {"x": x, "y": found.mean, "low": found.low, "high": found.high, **keys}


def dots(title: str, rows: Sequence[Mapping[str, Any]], x_title: str, y_title: str, **more: Any) -> Chart:
    """A chart of such rows."""
    caption = "Mean over seeds with 95 % interval." + more.pop("caption", "")
    return Chart(
        "dots",
        title,
        tuple(rows),
        "x",
        "y",
        x_title,
        y_title,
        low="low",
        high="high",
        caption=caption,
        **more,
    )


def outcome(
    results: Results,
    answer: str,
    charts: Sequence[Chart],
    tables: Sequence[Table],
    claims: Sequence[Claim] = (),
    notes: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Outcome:
    """The Outcome of these results: the analysis brings what it found, the rest is known."""
    experiment = results.experiment
    return Outcome(
        experiment=experiment.name,
        title=experiment.title,
        question=experiment.question,
        answer=answer,
        charts=tuple(charts),
        tables=tuple(tables),
        claims=tuple(claims),
        settings={**results.settings, **(settings or {})},
        command=results.command,
        notes=(*results.notes, *notes),
        elapsed_s=results.elapsed_s,
    )
