"""One model checked: its own start inspected, then what `init_` does with it, by default and forced."""

from __future__ import annotations

import hashlib
import random
import time
import traceback
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import isogain.torch as igt
from survey.models import Batch, Loss, Model

Record = dict[str, Any]
STARTS: dict[str, dict[str, Any]] = {"default": {}, "forced": {"keep_healthy": False}}


def fresh(model: Model, seed: int) -> nn.Module:
    """The model at its own start, ready to be trained."""
    seed_all(seed)
    return model.build().train()


def seed_all(seed: int) -> None:
    """All random states that a model could draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (it is the libraries that use the global state)


def loss_of(module: nn.Module, batch: Batch) -> Tensor:
    """The loss of one pass; the model's own where the batch names none."""
    given, loss = batch
    output = call(module, given)
    return own_loss(output) if loss is None else loss(output)


def own_loss(output: Any) -> Tensor:
    """`.loss` of what a model returned, or a dictionary's sum of losses."""
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "loss"):
        return output.loss
    return sum(output.values())


def call(module: nn.Module, given: Any) -> Any:
    """The model on positional or keyword arguments."""
    if isinstance(given, dict):
        return module(**given)
    return module(*given) if isinstance(given, tuple) else module(given)


def check(model: Model) -> Record:
    """Everything that the survey says of a model, JSON-ready."""
    module, batch = fresh(model, 0), model.task(0)
    with_loss = (batch[0], batch[1] or own_loss)
    seed_all(1)
    before = _state(module)
    own = inspected(module, with_loss)
    record = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "unchanged": before == _state(module),
        "own": own | {"loss": measured(module, batch), "pass_s": _pass_seconds(module, batch)},
    }
    del module
    for name, options in STARTS.items():
        if name == "forced" and record["default"]["drew"]:
            record[name] = record["default"]  # the same draw: nothing was left alone
        else:
            record[name] = started(model, with_loss, options)
    return record


def _pass_seconds(module: nn.Module, batch: Batch) -> float:
    """What a forward and a backward pass takes: the best of four."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    taken = []
    for _ in range(4):
        begun = time.process_time()
        torch.autograd.grad(loss_of(module, batch), trainable, allow_unused=True)
        taken.append(time.process_time() - begun)
    return min(taken)


def inspected(module: nn.Module, batch: tuple[Any, Loss]) -> Record:
    """The verdict with its findings, and the loss."""
    begun = time.process_time()
    try:
        report = igt.inspect(module, *batch)
    except Exception as error:
        return {"verdict": "raised", "error": told(error), "findings": []}
    return {
        "verdict": report.verdict,
        "cause": report.cause,
        "findings": [_finding(found) for found in report.findings],
        "inspect_s": time.process_time() - begun,
        "coverage": report.coverage.share,
        "skipped": list(report.coverage.skipped),
    }


def _finding(found: Any) -> Record:
    kept = found.to_dict() | {"places": len(found.paths)}
    return {name: str(value)[:300] for name, value in kept.items() if name != "paths"}


def measured(module: nn.Module, batch: Batch) -> float:
    """The loss of one pass, with buffers and random numbers as they were."""
    buffers = [buffer.clone() for buffer in module.buffers()]
    seed_all(2)
    value = float(loss_of(module, batch).detach())
    for buffer, kept in zip(module.buffers(), buffers, strict=True):
        buffer.data = kept  # of another shape, where the model keeps a state there
    return value


def started(model: Model, batch: tuple[Any, Loss], options: dict[str, Any]) -> Record:
    """What one call of `init_` did to a fresh copy."""
    module = fresh(model, 0)
    begun = time.process_time()
    try:
        receipt = igt.init_(module, batch[0], seed=0, loss=batch[1], **options)
    except Exception as error:
        return {"raised": told(error), "drew": False}
    taken = time.process_time() - begun
    return {
        "raised": "",
        "drew": bool(receipt.written) and not receipt.left,
        "left": receipt.left,
        "needed": str(receipt.plan.needed),
        "seconds": taken,
        "written": len(receipt.written),
        "laws": sorted({one.law[:80] for one in receipt.written})[:12],
        "after": None if receipt.left else inspected(module, batch) | {"loss": measured(module, batch)},
    }


def told(error: Exception) -> str:
    """What was raised, and the place in isogain that raised it."""
    places = [at for at in traceback.extract_tb(error.__traceback__) if "isogain" in at.filename]
    at = f" at {places[-1].filename.split('isogain/')[-1]}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}: {str(error)[:300]}{at}"


def _state(module: nn.Module) -> str:
    """A hash of parameters, buffers, gradients, flags and random states."""
    seen = hashlib.blake2b()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        seen.update(f"{name} {tensor.requires_grad} {tensor.grad is None}".encode())
        seen.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    seen.update(str([part.training for part in module.modules()]).encode())
    seen.update(torch.get_rng_state().numpy().tobytes() + repr(random.getstate()).encode())
    seen.update(repr(np.random.get_state()).encode())  # noqa: NPY002
    return seen.hexdigest()
