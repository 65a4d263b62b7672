"""`compare`: the same model started by other schemes, on copies; the model stays as it is.

Ranked by what trains: what is broken, then how evenly a start lets the network learn, or the loss that a
short run reaches.  How far one curve drifts says little: a small head drifts, and an even collapse does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, ClassVar

from torch import nn

from isogain.errors import InspectError, IsogainError
from isogain.inspect import Report
from isogain.rendering import MOST_LINES, Shown, shortened
from isogain.torch.call.guard import Untouched
from isogain.torch.call.inputs import plain_module, understood
from isogain.torch.call.losses import Loss, LossLike
from isogain.torch.inspection.evenness import Evenness, evenness
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.record.gathering import copied
from isogain.torch.start.schemes import Scheme, scheme_name, starter
from isogain.torch.start.short_run import trained

__all__ = ["Comparison", "Ranked", "compare"]


@dataclass(frozen=True)
class Ranked:
    """One scheme over all seeds."""

    scheme: str
    reports: tuple[Report, ...]
    error: str = ""
    """Why the scheme cannot start this model, if it cannot."""
    evenness: tuple[Evenness, ...] = ()
    losses: tuple[float, ...] = ()
    """What a short run came to, of each seed; empty where none was asked for."""

    @property
    def badness(self) -> tuple[float, ...]:
        """The loss after training, where asked; critical findings a seed; unevenness in decades; warnings."""
        if not self.reports:
            return (math.inf,)
        critical, warnings = (self._count(severity) for severity in ("critical", "warning"))
        loss = (self.loss,) if self.losses else ()
        return (*loss, critical, self.unevenness, warnings)

    def _count(self, severity: str) -> float:
        """Findings of a severity, a seed."""
        return sum(f.severity == severity for r in self.reports for f in r.findings) / len(self.reports)

    @property
    def findings_a_seed(self) -> tuple[float, float]:
        """How many critical findings and how many warnings there are, a seed."""
        return (self._count("critical"), self._count("warning")) if self.reports else (math.nan, math.nan)

    @property
    def loss(self) -> float:
        """The median over seeds of what a short run came to; nan where none was asked for."""
        return median(self.losses) if self.losses else math.nan

    def __repr__(self) -> str:
        return f"<Ranked {self.scheme}: {self.verdict}, {len(self.reports)} seeds>"

    @property
    def unevenness(self) -> float:
        """The median over seeds of the decades by which what is learnt first is ahead of the rest."""
        return median(one.decades for one in self.evenness) if self.evenness else math.inf

    @property
    def verdict(self) -> str:
        """The worst verdict over seeds; 'impossible' where the scheme cannot serve."""
        order = ("healthy", "warning", "critical")
        return max((r.verdict for r in self.reports), key=order.index) if self.reports else "impossible"


@dataclass(frozen=True)
class Comparison(Shown):
    """Schemes, best first."""

    shown_as: ClassVar[str] = "comparison"

    ranking: tuple[Ranked, ...]

    @property
    def best(self) -> str:
        """The name of the scheme from which the model trains best, as far as was asked."""
        return self.ranking[0].scheme

    def __getitem__(self, scheme: str) -> Ranked:
        for ranked in self.ranking:
            if ranked.scheme == scheme:
                return ranked
        known = ", ".join(ranked.scheme for ranked in self.ranking)
        raise InspectError(f"no scheme {scheme!r} was compared; there are {known}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "schema": "isogain.compare/1",
            "ranking": [
                {
                    "scheme": ranked.scheme, "verdict": ranked.verdict, "error": ranked.error,
                    "unevenness": _number(ranked.unevenness), "losses": [_number(v) for v in ranked.losses],
                    "findings": [[f.to_dict() for f in report.findings] for report in ranked.reports],
                }
                for ranked in self.ranking
            ],
        }  # fmt: skip

    def records(self) -> Iterator[dict[str, Any]]:
        """One row a scheme, best first."""
        for ranked in self.ranking:
            critical, warnings = ranked.findings_a_seed
            yield {
                "scheme": ranked.scheme, "verdict": ranked.verdict, "critical": critical,
                "warnings": warnings, "unevenness": ranked.unevenness, "loss": ranked.loss,
                "error": ranked.error,
            }  # fmt: skip

    def __str__(self) -> str:
        trained = any(ranked.losses for ranked in self.ranking)
        head = f"{'scheme':24}  {'verdict':10}  findings a seed  uneven (decades)"
        lines = shortened([_line(one) for one in self.ranking], MOST_LINES - 2, ".to_frame() has them all")
        said = "findings: critical + warnings; a decade is a factor of 10"
        return "\n".join([head + ("  loss" if trained else ""), *lines, said])

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.ranking)} starts: {self.best} is best>"


def _line(ranked: Ranked) -> str:
    if ranked.error:
        return f"{ranked.scheme[:24]:24}  impossible  {ranked.error[:60]}"
    counts = "{:.1f} + {:.1f}".format(*ranked.findings_a_seed)
    loss = f"  {ranked.loss:.4g}" if ranked.losses else ""
    return f"{ranked.scheme[:24]:24}  {ranked.verdict:10}  {counts:15}  {ranked.unevenness:16.2f}{loss}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def compare(
    model: nn.Module,
    inputs: Any,
    schemes: Sequence[Scheme] = ("default", "he_normal", "xavier_normal", "orthogonal", "init_"),
    seeds: int | Iterable[int] = 3,
    loss: LossLike | None = None,
    *,
    train: int = 0,
    optimizer: Any = "adamw",
) -> Comparison:
    """The same batch on copies of the model started by each scheme, ranked; the model is untouched.

    The order is that of `Ranked.badness`: critical findings, then the decades by which what is learnt first
    is ahead of the rest (`Evenness`: over examples, directions of the outputs, layers).  With `train` the
    copies are trained for so many steps on the batch, each at the rate that suits its start and this
    `optimizer`, a third and three times of it, and the loss they come to decides; that needs a loss.

    A scheme is "current" (as it stands), "default" (each module's own reset_parameters), "init_"
    (isogain.torch.init_), a name of the catalog or an Initializer for every linear and convolution weight
    (biases zero, the rest as is), a recipe's name, a Plan, or a callable (model, seed) that initialises in
    place. Raises InspectError for an unknown scheme, or a number of steps that is none.

    >>> print(compare(model, inputs, schemes=("current", "he_normal"), seeds=3))  # doctest: +SKIP
    """
    if not isinstance(train, int) or isinstance(train, bool) or train < 0:
        raise InspectError(f"train is a number of steps, 0 or more, got {train!r}")
    inputs, asked = understood(plain_module(model), inputs, loss)
    chosen = range(seeds) if isinstance(seeds, int) else tuple(seeds)
    starters = [(scheme_name(scheme), starter(scheme, inputs)) for scheme in schemes]
    run = partial(trained, inputs=inputs, loss=asked, optimizer=optimizer, steps=train) if train else None
    found = [_ranked(model, inputs, asked, name, start, chosen, run) for name, start in starters]
    return Comparison(tuple(sorted(found, key=lambda ranked: ranked.badness)))


def _ranked(
    model: nn.Module, inputs: Any, loss: Loss | None, name: str, start: Callable[[nn.Module, int], Any],
    seeds: Iterable[int], run: Callable[[nn.Module], float] | None,
) -> Ranked:  # fmt: skip
    reports: list[Report] = []
    even: list[Evenness] = []
    losses: list[float] = []
    with Untouched(model):
        for seed in seeds:
            twin = copied(model)
            try:
                start(twin, seed)
            except IsogainError as error:
                return Ranked(name, (), str(error))
            reports.append(inspect(twin, inputs, loss))
            even.append(evenness(twin, inputs))
            losses += [run(twin)] if run else []
    return Ranked(name, tuple(reports), "", tuple(even), tuple(losses))
