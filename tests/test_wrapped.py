"""Models under activation checkpoints or torch.compile, and parts of a pipeline, are what they are without."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (  # noqa: E402
    CheckpointImpl,
    checkpoint_wrapper,
)

import isogain.torch as igt  # noqa: E402
from inspect_processes import batch, build, loss  # noqa: E402


def numbers(report: Any) -> list[tuple[str, str, str]]:
    """Every layer's sizes, as text, since nan is not nan."""
    return [(one.path, f"{one.rms:.6g}", f"{one.gradient_rms:.6g}") for one in report.layers]


def checkpointed(impl: CheckpointImpl) -> nn.Sequential:
    """Its three blocks run again on the way back."""
    model = build()
    for k in range(1, 4):
        model[k] = checkpoint_wrapper(model[k], checkpoint_impl=impl)
    return model


def started(model: nn.Module) -> list[torch.Tensor]:
    """The parameters that `init_` gives."""
    igt.init_(model, batch(), seed=5, loss=loss, keep_healthy=False, rates=False)
    return [parameter.detach() for parameter in model.parameters()]


def test_checkpoints_change_no_number() -> None:
    found = igt.inspect(checkpointed(CheckpointImpl.NO_REENTRANT), batch(), loss)
    assert numbers(found) == numbers(igt.inspect(build(), batch(), loss))


def test_reentrant_checkpoints_hide_gradients_and_that_is_said() -> None:
    found = igt.inspect(checkpointed(CheckpointImpl.REENTRANT), batch(), loss)
    whole = igt.inspect(build(), batch(), loss)
    assert [one[:2] for one in numbers(found)] == [one[:2] for one in numbers(whole)]
    assert found.verdict == whole.verdict
    assert any("re-entrant checkpoints" in one for one in found.table.coverage.skipped)


@pytest.mark.parametrize("impl", list(CheckpointImpl))
def test_checkpointed_models_start_alike(impl: CheckpointImpl) -> None:
    assert all(map(torch.equal, started(checkpointed(impl)), started(build())))


def test_compiled_models_are_looked_at_and_started_alike() -> None:
    model = build()
    compiled = torch.compile(model, backend="eager")
    compiled(batch())
    assert numbers(igt.inspect(compiled, batch(), loss)) == numbers(igt.inspect(build(), batch(), loss))
    assert all(map(torch.equal, started(compiled), started(build())))
    model.compile(backend="eager")
    assert numbers(igt.inspect(model, batch(), loss)) == numbers(igt.inspect(model, batch(), loss))


def test_a_stage_of_a_pipeline_is_a_model_of_what_reaches_it() -> None:
    whole = build()
    stage, hidden = whole[2:], whole[:2](batch()).detach()
    layers = [one for one in igt.inspect(stage, hidden, loss).layers if one.path]
    same = [one for one in igt.inspect(whole, batch(), loss).layers if one.path[:1] in ("2", "3", "4")]
    assert [one.path for one in layers] == [one.path for one in same]
    for part, one in zip(layers, same, strict=True):
        assert part.rms == pytest.approx(one.rms, rel=1e-5), one.path
        assert part.gradient_rms == pytest.approx(one.gradient_rms, rel=1e-4, nan_ok=True), one.path
