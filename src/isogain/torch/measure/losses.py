"""Loss functions as they are called: their value, and what a prediction that knows nothing would cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.nn import functional

from isogain.inspect.table import LossUse

__all__ = ["loss_use"]

Tensor = torch.Tensor
TARGETS = 256
"""About how many of the targets are kept, to be held against what answers can be."""
ROWS = 512


def loss_use(op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Tensor) -> LossUse | None:
    """The LossUse of one call of a torch.nn.functional loss; None for kinds without a known chance level."""
    if op == "ctc_loss":
        return _aligned(args, kwargs)
    prediction = args[0] if args else kwargs.get("input")
    target = args[1] if len(args) > 1 else kwargs.get("target")
    if not isinstance(prediction, Tensor) or not isinstance(target, Tensor) or prediction.numel() == 0:
        return None
    use = None
    if op in ("cross_entropy", "nll_loss"):
        use = _classes(op, prediction, target, kwargs, result)
    elif op in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        use = _binary(op, prediction, target)
    elif op in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        use = _regression(op, prediction, target)
    return None if use is None else replace(use, differing=_differing(target))


def _differing(target: Tensor) -> int:
    """How many targets there are, if any differs from the first."""
    return len(target) if target.dim() and bool((target != target[:1]).any()) else 0


def _mean(result: Tensor) -> float:
    return float(result.detach().float().mean())


def _classes(
    op: str, prediction: Tensor, target: Tensor, kwargs: Mapping[str, Any], result: Tensor
) -> LossUse | None:
    axis = 1 if prediction.dim() > 1 else 0
    count = prediction.shape[axis]
    rows = prediction.detach().movedim(axis, -1).reshape(-1, count)
    if target.is_floating_point():
        return LossUse(op, _mean(result), math.log(count), count, _spread(rows[:ROWS]))
    labels = target.detach().reshape(-1)
    ignored = kwargs.get("ignore_index", -100)
    kept = (labels != ignored).nonzero()[:, 0]
    kept = kept[:: max(len(kept) // ROWS, 1)]
    if len(kept) == 0:
        return None
    rows, labels = rows[kept].float(), labels[kept]
    value = (
        functional.cross_entropy(rows, labels) if op == "cross_entropy" else functional.nll_loss(rows, labels)
    )
    return LossUse(op, float(value), math.log(count), count, _spread(rows))


def _spread(rows: Tensor) -> float:
    return float(rows.float().var(dim=-1, correction=0).mean().sqrt())


def _binary(op: str, prediction: Tensor, target: Tensor) -> LossUse:
    call = functional.binary_cross_entropy if op == "binary_cross_entropy" else None
    call = call or functional.binary_cross_entropy_with_logits
    value = float(call(prediction.detach().float(), target.detach().float()))
    logits = prediction.detach().float()
    if op == "binary_cross_entropy":
        logits = torch.logit(logits, eps=1e-7)
    return LossUse(op, value, math.log(2), 2, float(logits.square().mean().sqrt()))


def _regression(op: str, prediction: Tensor, target: Tensor) -> LossUse:
    guess, wanted = prediction.detach().float(), target.detach().float()
    value = float((guess - wanted).square().mean())
    mean, std = float(wanted.mean()), float(wanted.std(correction=0))
    kept = tuple(wanted.reshape(-1)[:: max(wanted.numel() // TARGETS, 1) | 1].tolist())
    spread = float(guess.square().mean().sqrt())
    crossed = _crossed(prediction.shape, target.shape)
    return LossUse(op, value, std**2, 0, spread, mean, std, targets=kept, crossed=crossed)


def _crossed(answers: torch.Size, targets: torch.Size) -> bool:
    """Whether answers (N, 1) meet targets (N,), or the other way round."""
    column, row = (answers, targets) if len(answers) > len(targets) else (targets, answers)
    return len(column) == 2 and column[1] == 1 and row == column[:1] and row[0] > 1


def _aligned(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> LossUse | None:
    """Of logarithms (steps, [samples,] classes), against the same of one answer for every step and class."""
    names = ("log_probs", "targets", "input_lengths", "target_lengths", "blank")
    given = {**dict(zip(names, args, strict=False)), **{k: v for k, v in kwargs.items() if k in names}}
    answers = given.pop("log_probs", None)
    if not isinstance(answers, Tensor) or answers.dim() < 2 or len(given) < 3:
        return None
    count, answers = answers.shape[-1], answers.detach().float()
    with torch.no_grad():
        value, chance = (
            float(functional.ctc_loss(one, **given, zero_infinity=True))
            for one in (answers, torch.full_like(answers, -math.log(count)))
        )
    return LossUse("ctc_loss", value, chance, count, _spread(answers.reshape(-1, count)[:ROWS]))
