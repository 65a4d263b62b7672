"""Parameter groups of one learning rate each, by what a plan prescribes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isogain.checking import Checks, shown
from isogain.graph.entry import Entry, PlanError
from isogain.graph.paths import stable_path
from isogain.graph.rates import rate_for
from isogain.theory.rates import RateRange

__all__ = ["named", "optimizer_kind", "param_groups"]

CHECKS = Checks(PlanError)
KINDS = {
    "adam": frozenset(
        ["adam", "adamw", "adamax", "nadam", "radam", "adagrad", "adadelta", "rmsprop", "lion", "sparseadam",
         "adam8bit", "adamw8bit", "pagedadamw", "pagedadamw8bit", "fusedadam", "deepspeedcpuadam", "adan",
         "adabelief", "signsgd", "signum"]
    ),
    "sgd": frozenset(["sgd", "momentum", "nesterov", "fusedsgd"]),
}  # fmt: skip
"""Steps whose size per weight does not depend on the gradient's, and steps along the gradient."""


def optimizer_kind(optimizer: Any) -> str:
    """'adam' or 'sgd' for a name, class or instance; PlanError for any other."""
    named = (
        optimizer if isinstance(optimizer, str) else getattr(optimizer, "__name__", type(optimizer).__name__)
    )
    plain = shown(named) if not isinstance(named, str) else named.lower().replace("_", "").replace("-", "")
    for kind, names in KINDS.items():
        if plain in names:
            return kind
    raise PlanError(
        f"no learning rates are known for the optimizer {shown(named)}: name 'adam' or 'sgd', "
        "whichever its steps are like"
    )


def param_groups(
    plan: Mapping[str, Entry],
    rates: Sequence[RateRange],
    lr: float | RateRange | None,
    optimizer: Any,
    weight_decay: float | None,
    eps: float | None,
    model: Any,
    bound: Callable[[], Mapping[str, Any]] | None,
) -> list[dict[str, Any]]:
    """See `Plan.param_groups`."""
    prescribed = any(entry.rates for entry in plan.values())
    kind = optimizer_kind(optimizer) if prescribed or lr is None else ""
    lr = _rate(rates, lr, kind, optimizer, prescribed)
    lr = CHECKS.number("lr", lr, least=0)
    eps = None if eps is None else CHECKS.number("eps", eps, above=0)
    weight_decay = None if weight_decay is None else CHECKS.number("weight_decay", weight_decay, least=0)
    tensors = _tensors(plan, model, bound)
    if kind == "sgd":
        eps = None
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for path, entry in plan.items():
        told = dict(entry.rates)
        factor, shrunk = told.get(kind, 1.0), told.get("eps", 1.0) if eps else 1.0
        given = _group(lr, factor, weight_decay, None if eps is None else eps * shrunk)
        group = groups.setdefault((factor, shrunk), given)
        group["params"] += [one for one in _of(entry, path, tensors) if one.requires_grad]
    return [group for _, group in sorted(groups.items(), reverse=True) if group["params"]]


def _rate(
    rates: Sequence[RateRange], lr: float | RateRange | None, kind: str, optimizer: Any, prescribed: bool
) -> float:
    """The rate itself: the plan's own where none is given."""
    if isinstance(lr, RateRange):
        return lr.middle
    if lr is not None:
        return lr
    if prescribed:
        raise PlanError(
            "this recipe prescribes rates relative to those of a base network: give lr, the base's"
        )
    return rate_for(rates, kind, optimizer)


def _group(lr: float, factor: float, weight_decay: float | None, eps: float | None) -> dict[str, Any]:
    group: dict[str, Any] = {"params": [], "lr": lr * factor, "name": f"lr x {factor:.4g}"}
    if weight_decay is not None:
        group["weight_decay"] = weight_decay / factor if factor else weight_decay
    if eps is not None:
        group["eps"] = eps
    return group


def _of(entry: Entry, path: str, tensors: Mapping[str, Any]) -> list[Any]:
    return [tensors[name] for name in (entry.originals or (path,))]


def _tensors(
    plan: Mapping[str, Entry], model: Any, bound: Callable[[], Mapping[str, Any]] | None
) -> Mapping[str, Any]:
    """Path -> parameter, of the model given or of the one the plan was made for."""
    if model is None and bound is None:
        raise PlanError("this plan knows no model (it was read, not made here): give param_groups model=")
    found = named(model) if bound is None or model is not None else bound()
    lost = [
        name for path, entry in plan.items() for name in (entry.originals or (path,)) if name not in found
    ]
    if lost:
        raise PlanError(f"the model has no parameter {', '.join(lost)}; was the plan made for another one?")
    return found


def named(model: Any) -> dict[str, Any]:
    """A torch module's parameters by stable path."""
    if not callable(getattr(model, "named_parameters", None)):
        raise PlanError(f"model must be a torch module, got {shown(model)}")
    return {stable_path(path): parameter for path, parameter in model.named_parameters()}
