"""Before anything is trained: one batch goes through a model, its loss and its metric; what fails says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from isogain.errors import TrialError
from isogain.jobs.identity import content_hash
from isogain.torch.call.explaining import shapes_of
from isogain.torch.call.guard import same_random
from isogain.torch.call.tensors import tensors_in
from isogain.torch.trial.batches import moved, pair_of
from isogain.torch.trial.devices import leased
from isogain.torch.trial.optimizers import made_by
from isogain.torch.trial.pixelwise import pixelwise_model
from isogain.torch.trial.problem import Problem
from isogain.torch.trial.scoring import score
from isogain.torch.trial.together import common_form

__all__ = ["Checked", "checked", "digest_of"]


@dataclass(frozen=True)
class Checked:
    """A model that was seen to work, and what is to be said of it."""

    model: nn.Module
    notes: tuple[str, ...]
    channels_last: bool
    """Whether it runs with images laid out pixel by pixel."""
    form: str
    """Of networks whose runs can be made as one computation, and gain by it."""


def checked(problem: Problem, seed: int) -> Checked:
    """One pass and one judgement; TrialError says what is wrong.  Random states are put back."""
    with same_random(), torch.enable_grad():
        return _checked(problem, seed)


def _checked(problem: Problem, seed: int) -> Checked:
    device = leased(problem.device)
    batch = moved(_first(problem, seed), device)
    model = problem.model(seed).to(device)
    loss = _loss(problem, model, batch)
    _judged(problem, model, device)
    _steps(problem, model)
    fast = _runs_pixelwise(problem, model, batch, loss)
    notes = (*_seed_notes(problem, seed), *_note(problem))
    return Checked(problem.model(seed), notes, fast, common_form(problem, seed))


def _loss(problem: Problem, model: nn.Module, batch: Any) -> float:
    """On the first batch, where it has to say something of the parameters."""
    try:
        loss, _, _ = problem.loss_on(model.train(), batch)
    except TrialError:
        raise
    except Exception as error:
        inputs, target = pair_of(batch)
        given = f"inputs {shapes_of(inputs)}" + ("" if target is inputs else f", target {shapes_of(target)}")
        raise TrialError(
            f"the model or its loss raised on the first batch ({given}): {type(error).__name__}: {error}"
        ) from error
    if not loss.requires_grad:
        raise TrialError("the loss depends on no parameter that trains: there is nothing to learn")
    _numbers(batch, loss)
    return float(loss.detach())


def _numbers(batch: Any, loss: torch.Tensor) -> None:
    """A loss may be no number for want of a start; where the data are none either, no start will do."""
    if bool(loss.isfinite()):
        return
    for tensor in tensors_in(batch):
        lost = int((~tensor.isfinite()).sum())
        if lost:
            raise TrialError(
                f"data: {lost:,} of the {tensor.numel():,} entries of {shapes_of(tensor)} in the first batch "
                "are nan or infinite, and so is the loss: fill them in, or leave those examples out"
            )


def _steps(problem: Problem, model: nn.Module) -> None:
    """Every optimizer can be made, and takes a step by itself."""
    own = [one for one in model.parameters() if one.requires_grad]
    for name, make in problem.optimizers:
        made_by(name, make, own, 1e-3)


def _judged(problem: Problem, model: nn.Module, device: torch.device | None) -> None:
    """One judgement, on the first batch of what judges."""
    try:
        score(problem, model, [moved(one, device) for one in problem.validation()[:1]])
    except TrialError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise TrialError(f"validation: the model or its loss raised on what judges: {told}") from error


def _runs_pixelwise(problem: Problem, model: nn.Module, batch: Any, loss: float) -> bool:
    """Whether a network of convolutions comes to the same loss and gradient with images laid out by pixels.

    Processors convolve those faster; a model that takes a view of its images, or a layer's output out of its
    row, cannot be read so.
    """
    convolves = any(isinstance(module, nn.Conv2d) for module in model.modules())
    if not convolves or (problem.device or "cpu") != "cpu":
        return False
    try:
        found = _felt(problem, pixelwise_model(problem.model(0)).train(), moved(batch, None, True))
        same = _felt(problem, problem.model(0).train(), batch)
    except Exception:
        return False
    near = abs(found[0] - same[0]) <= 1e-3 * max(abs(loss), 1e-6)
    return near and math.isclose(found[1], same[1], rel_tol=1e-2)


def _felt(problem: Problem, model: nn.Module, batch: Any) -> tuple[float, float]:
    """The loss and the length of its gradient."""
    loss, _, _ = problem.loss_on(model, batch)
    slopes = torch.autograd.grad(
        loss, [one for one in model.parameters() if one.requires_grad], allow_unused=True
    )
    return float(loss.detach()), math.hypot(*(float(one.norm()) for one in slopes if one is not None))


def _first(problem: Problem, seed: int) -> Any:
    try:
        return next(problem.data.stream(seed))
    except TrialError:
        raise
    except Exception as error:
        raise TrialError(f"data: the first batch raised {type(error).__name__}: {error}") from error


def _note(problem: Problem) -> tuple[str, ...]:
    said = problem.data.note if problem.judged_by is None else ""
    return (said,) if said else ()


def _seed_notes(problem: Problem, seed: int) -> tuple[str, ...]:
    """Whether building from another seed gives the same values."""
    one, other = (problem.model(each).state_dict() for each in (seed, seed + 1))
    alike = one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    if not alike or not any(value.numel() > 1 for value in one.values()):
        return ()
    return (
        "build gives the same values at every seed (it sets a seed of its own, or loads them): runs "
        "of 'own' differ "
        "by their batches only, and say nothing of other draws",
    )


def digest_of(problem: Problem, model: nn.Module) -> str:
    """The hash of all that a run's numbers depend on, but what a job says itself."""
    shapes = [(name, tuple(p.shape), str(p.dtype)) for name, p in model.named_parameters()]
    kinds = {type(module) for module in model.modules()}
    own = sorted(
        (kind for kind in kinds if not kind.__module__.startswith("torch.")), key=lambda k: k.__qualname__
    )
    return content_hash([
        problem.build, repr(model), shapes, own, problem.data, problem.judged_by, problem.loss,
        problem.measure.function, problem.measure.lower_is_better, problem.steps, problem.device,
        problem.channels_last, problem.form, problem.threads, _values(model),
    ])  # fmt: skip


def _values(model: nn.Module) -> list[Any]:
    """What the model is built with: it tells pretrained weights from others."""
    return [value.detach().cpu().double().sum().item() for value in model.state_dict().values()]
