"""`compare`: the same model started by other schemes, on copies; the model stays as it is."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from isogain.core.names.catalog import get
from isogain.core.values.initializer import Initializer
from isogain.errors import InspectError, IsogainError
from isogain.inspect import Report
from isogain.torch.call.calling import Loss
from isogain.torch.call.guard import Untouched
from isogain.torch.draw.fill import fill_
from isogain.torch.inspection.inspecting import inspect
from isogain.torch.start.starting import init_

__all__ = ["Comparison", "Ranked", "compare"]

Scheme = str | Initializer | Callable[[nn.Module, int], Any]
LAYOUTS: dict[type[nn.Module], str] = {
    nn.Linear: "out in", nn.Conv1d: "out in *", nn.Conv2d: "out in *", nn.Conv3d: "out in *",
    nn.ConvTranspose1d: "in out *", nn.ConvTranspose2d: "in out *", nn.ConvTranspose3d: "in out *",
}  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """One scheme over all seeds."""

    scheme: str
    reports: tuple[Report, ...]
    error: str = ""
    """Why the scheme cannot start this model, if it cannot."""

    @property
    def badness(self) -> tuple[float, ...]:
        """Critical findings and warnings a seed, then the decades by which signals and gradients drift."""
        if not self.reports:
            return (math.inf,)
        counts = [
            sum(f.severity == s for r in self.reports for f in r.findings) / len(self.reports)
            for s in ("critical", "warning")
        ]
        return (*counts, median(_drift(report) for report in self.reports))

    @property
    def verdict(self) -> str:
        """The worst verdict over seeds; 'impossible' where the scheme cannot serve."""
        order = ("healthy", "warning", "critical")
        return max((r.verdict for r in self.reports), key=order.index) if self.reports else "impossible"


@dataclass(frozen=True)
class Comparison:
    """Schemes, best first."""

    ranking: tuple[Ranked, ...]

    @property
    def best(self) -> str:
        """The name of the scheme with the fewest and least findings."""
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
                    "findings": [[f.to_dict() for f in report.findings] for report in ranked.reports],
                }
                for ranked in self.ranking
            ],
        }  # fmt: skip

    def __str__(self) -> str:
        lines = [f"{'scheme':24}  {'verdict':10}  findings a seed  drift (decades)"]
        for ranked in self.ranking:
            if ranked.error:
                lines.append(f"{ranked.scheme[:24]:24}  impossible  {ranked.error[:60]}")
                continue
            critical, warning, drift = ranked.badness
            lines.append(
                f"{ranked.scheme[:24]:24}  {ranked.verdict:10}  {critical:.1f} + {warning:.1f}       "
                f" {drift:.2f}"
            )
        return "\n".join(lines)


def compare(
    model: nn.Module,
    inputs: Any,
    schemes: Sequence[Scheme] = ("default", "he_normal", "xavier_normal", "orthogonal", "init_"),
    seeds: int | Iterable[int] = 3,
    loss: Loss | None = None,
) -> Comparison:
    """The same batch on copies of the model started by each scheme, ranked; the model is untouched.

    A scheme is "current" (as it stands), "default" (each module's own reset_parameters), "init_"
    (isogain.torch.init_), a name of the catalog or an Initializer for every linear and convolution weight
    (biases zero, the rest as is), or a callable (model, seed) that initialises in place.
    Raises InspectError for an unknown scheme.

    >>> print(compare(model, inputs, schemes=("current", "he_normal"), seeds=3))  # doctest: +SKIP
    """
    chosen = range(seeds) if isinstance(seeds, int) else tuple(seeds)
    starters = [(_name(scheme), _starter(scheme, inputs)) for scheme in schemes]
    found = [_ranked(model, inputs, loss, name, start, chosen) for name, start in starters]
    return Comparison(tuple(sorted(found, key=lambda ranked: ranked.badness)))


def _name(scheme: Scheme) -> str:
    return scheme if isinstance(scheme, str) else getattr(scheme, "__name__", None) or str(scheme)


def _starter(scheme: Scheme, inputs: Any) -> Callable[[nn.Module, int], Any]:
    if scheme == "current":
        return lambda model, seed: None
    if scheme == "default":
        return _reset
    if scheme == "init_":
        return lambda model, seed: init_(model, inputs, seed=seed)
    if callable(scheme) and not isinstance(scheme, Initializer):
        return scheme
    try:
        law = get(scheme) if isinstance(scheme, str) else scheme
    except IsogainError as error:
        raise InspectError(f"no scheme {scheme!r}: {error}") from error
    return lambda model, seed: _drawn(model, law, seed)


def _reset(model: nn.Module, seed: int) -> None:
    """Every module's own reset_parameters, from this seed; the global state is put back by the caller."""
    torch.manual_seed(seed)
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()


def _drawn(model: nn.Module, law: Initializer, seed: int) -> None:
    for name, module in model.named_modules():
        layout = LAYOUTS.get(type(module))
        if layout is not None and isinstance(weight := getattr(module, "weight", None), torch.Tensor):
            groups = int(getattr(module, "groups", 1))
            fill_(weight, law, seed=seed, path=f"{name}.weight", layout=layout, groups=groups)
            if isinstance(bias := getattr(module, "bias", None), torch.Tensor):
                nn.init.zeros_(bias)


def _ranked(
    model: nn.Module,
    inputs: Any,
    loss: Loss | None,
    name: str,
    start: Callable[[nn.Module, int], Any],
    seeds: Iterable[int],
) -> Ranked:
    reports: list[Report] = []
    with Untouched(model):
        for seed in seeds:
            twin = copy.deepcopy(model)
            try:
                start(twin, seed)
            except IsogainError as error:
                return Ranked(name, (), str(error))
            reports.append(inspect(twin, inputs, loss))
    return Ranked(name, tuple(reports))


def _drift(report: Report) -> float:
    """Decades by which signals and gradients change along the longest trunk."""
    table = report.table
    if not table.trunks:
        return 0.0
    inside = [i for i in table.trunks[0] if i in table.forward and i in table.backward]
    if len(inside) < 2:
        return 0.0
    first, last = inside[0], inside[-1]
    pairs = (
        (table.forward[last].rms, table.forward[first].rms),
        (table.backward[first].norm, table.backward[last].norm),
    )
    return sum(abs(math.log10(a / b)) if a > 0 and b > 0 else 40.0 for a, b in pairs)
