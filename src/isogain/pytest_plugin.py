"""A pytest fixture: `isogain_inspect(model, inputs)` fails the test where a start is not healthy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["isogain_inspect"]


@pytest.fixture
def isogain_inspect() -> Callable[..., Any]:
    """Inspects a model and fails at findings of `fail_on` or worse; gives back the Report.

    def test_start(isogain_inspect):
        isogain_inspect(make_model(), torch.randn(32, 784), accept=("dead-units:encoder.*",))
    """

    def check(
        model: Any, inputs: Any, loss: Any = None, *, fail_on: str = "warning", accept: tuple[str, ...] = ()
    ) -> Any:
        from isogain.torch.inspection.inspecting import inspect

        report = inspect(model, inputs, loss).accept(accept)
        if report.reaches(fail_on):  # type: ignore[arg-type]
            pytest.fail(str(report), pytrace=False)
        return report

    return check
