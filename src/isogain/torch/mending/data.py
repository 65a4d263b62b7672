"""What a Fix does to the batch and the loss in place of the model, and the lines that say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.utils import _pytree as pytree

from isogain.inspect.fixes import Change, Dialect, flat_answers, rescaled_answers
from isogain.torch.call.losses import Bound, Loss, Named, target_name, wants_targets

__all__ = ["DATA_VERBS", "changed_data", "worded"]

Tensor = torch.Tensor
DATA_VERBS = ("inputs", "standardise", "targets", "align")
ON_ONE = {"inputs": "{part} / {{text}}", "standardise": "({part} - {{0}}) / {{1}}"}
ON_TARGETS = {"targets": "({part} - {{0}}) / {{1}}", "align": "{part}.reshape{{1}}"}


def worded(dialect: Dialect, inputs: Any, loss: Any) -> Dialect:
    """The dialect with lines about data that fit `inputs` as they were given: a batch, or several parts.

    Targets that a loss of the output alone holds stay where they are: it is handed other answers.  What is
    no batch (a DataLoader) has no such lines.  Where inputs end in targets, a restart is given the loss.
    """
    said = dict(dialect.verbs)
    asked = wants_targets(loss)
    if isinstance(inputs, Mapping) or type(inputs) in (tuple, list):
        said |= _lines(dialect, inputs, _first(inputs), ON_ONE)
    elif not hasattr(inputs, "shape"):
        said = {verb: text for verb, text in said.items() if verb not in ON_ONE}
    if asked:
        said = {verb: text for verb, text in said.items() if verb not in ON_TARGETS}
    if asked and (place := _targets(inputs)) is not None:
        said |= _lines(dialect, inputs, place, ON_TARGETS)
    if asked:
        # inputs end in targets, which only a start with the loss can tell from inputs
        said["restart"] = f"{said['restart'][:-1]}, loss={repr(loss) if isinstance(loss, str) else 'loss'})"
    return replace(dialect, verbs=said)


def _first(inputs: Any) -> Any:
    """Where the first part of a batch stands that holds numbers with fractions."""
    parts = inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs)
    return next((place for place, one in parts if _has_fractions(one)), 0)


def _has_fractions(one: Any) -> bool:
    if isinstance(one, Tensor):
        return one.is_floating_point()
    return getattr(getattr(one, "dtype", None), "kind", "") == "f"


def _targets(inputs: Any) -> Any:
    """Where a batch holds its targets; None where it does not tell."""
    if isinstance(inputs, Mapping):
        return target_name(inputs)
    return len(inputs) - 1 if type(inputs) in (tuple, list) else None


def _lines(dialect: Dialect, inputs: Any, place: Any, verbs: Mapping[str, str]) -> dict[str, str]:
    return {verb: _line(inputs, place, text) for verb, text in verbs.items() if verb in dialect.verbs}


def _line(inputs: Any, place: Any, text: str) -> str:
    """The template that replaces one part of several, and leaves the others."""
    new = text.format(part=f"inputs[{place!r}]")
    if isinstance(inputs, Mapping):
        return f"inputs = {{{{**inputs, {place!r}: {new}}}}}"
    before = "" if place == 0 else "inputs[0], " if place == 1 else f"*inputs[:{place}], "
    after = f", *inputs[{place + 1}:]" if place + 1 < len(inputs) else "" if before else ","
    return f"inputs = ({before}{new}{after})"


def changed_data(change: Change, inputs: Any, loss: Loss | None) -> tuple[Any, Loss | None]:
    """Inputs and loss as one Change of data has them."""
    if change.verb == "inputs":
        (size,) = change.numbers
        return _each(inputs, lambda t: t / size), loss
    if change.verb == "standardise":
        mean, deviation = change.numbers
        return _each(inputs, lambda t: (t - mean) / deviation), loss
    return inputs, None if loss is None else _other_targets(change, loss)


def _each(inputs: Any, change: Callable[[Tensor], Tensor]) -> Any:
    return pytree.tree_map_only(Tensor, lambda t: change(t) if t.is_floating_point() else t, inputs)


def _other_targets(change: Change, loss: Loss) -> Loss:
    if isinstance(loss, (Bound, Named)):
        return replace(loss, targets=_changed(change, loss.targets))
    if change.verb == "align":
        return flat_answers(loss, change.text)
    return rescaled_answers(loss, *change.numbers)


def _changed(change: Change, targets: Any) -> Any:
    if change.verb == "align":
        return targets.reshape((-1, 1) if targets.dim() == 1 else (-1,))
    mean, deviation = change.numbers
    return (targets - mean) / deviation
