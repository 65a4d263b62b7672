"""Models that are sharded, replicated or parallel start as they would whole: the same bits on any number."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

from many_processes import run_on  # noqa: E402
from start_processes import _watched, batch, make, run, start  # noqa: E402


@pytest.fixture(scope="module")
def whole() -> dict[str, dict[str, Any]]:
    """What the same models start with on one process, without wrappers."""
    plain = start(make(), batch())
    return {"fully_shard": plain, "replicated": plain, "parallel": start(make(32), batch())}


@cache
def found_on(world: int) -> dict[int, dict[str, Any]]:
    """What each of so many processes found."""
    return run_on(run, world)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_wrapped_models_start_like_whole_ones(world: int, whole: dict[str, dict[str, Any]]) -> None:
    found = found_on(world)
    first = found[0]
    for name, alone in whole.items():
        assert alone["left"] == ""
        assert {one[name]["hash"] for one in found.values()} == {alone["hash"]}, name
        assert first[name]["plan"] == alone["plan"]
        # the mean gradient of all processes is that of the whole batch, up to rounding
        assert first[name]["rates"] == pytest.approx(alone["rates"], rel=1e-2), name
    assert {one["mixed"]["hash"] for one in found.values()} == {first["mixed"]["hash"]}
    for name in ("fully_shard", "mixed", "replicated", "parallel"):
        assert first[name]["verdict"] == "healthy"
        values = first[name]["trained"]
        assert values[2] < values[0], name
    assert any("tensor parallelism" in one for one in first["skipped"])


def test_a_monitor_sees_of_a_sharded_model_what_it_sees_of_a_whole_one() -> None:
    alone = _watched(make(), batch())
    found = found_on(2)[0]["watched"]
    assert [one[:2] for one in found] == [one[:2] for one in alone]
    assert [one[2] for one in found] == pytest.approx([one[2] for one in alone], rel=1e-3)
