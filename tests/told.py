"""What an inspection says aloud, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import isogain.torch as igt
from isogain.inspect import Report
from isogain.inspect.findings import Finding, at_least

__all__ = ["told"]


def told(
    model: Any, inputs: Any, loss: Any = None, *, inspect: Callable[..., Report] = igt.inspect
) -> dict[str, Finding]:
    """Of each code the first finding that is more than a note; `igt.inspect` tries fixes too."""
    report = inspect(model, inputs, loss=loss)
    return {one.code: one for one in reversed(report.findings) if at_least(one.severity, "warning")}
