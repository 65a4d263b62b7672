"""Models on two axes of processes, and stages of a pipeline, start as on one process."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

import isogain.torch as igt  # noqa: E402
from grid_processes import WIDTH, _numbers, fresh, on_grid, on_stages, stages  # noqa: E402
from many_processes import run_on  # noqa: E402
from start_processes import batch, hash_of, loss, make, start  # noqa: E402


def test_shards_over_tensor_parallel_layers_start_like_a_whole_model() -> None:
    found = run_on(on_grid, 4)
    whole = make(WIDTH)
    before = _numbers(igt.inspect(whole, batch(), loss))
    alone = {"own": hash_of(igt.materialize_(fresh(), seed=5)), **start(whole, batch())}
    after = _numbers(igt.inspect(whole, batch(), loss))
    for one in found.values():
        for name in ("left", "own", "hash", "plan"):
            assert one[name] == alone[name], name
        for (verdict, layers), (expected, same) in zip(one["reports"], (before, after), strict=True):
            assert verdict == expected
            assert [path for path, _ in layers] == [path for path, _ in same]
            assert [size for _, size in layers] == pytest.approx(
                [size for _, size in same], rel=1e-4, nan_ok=True
            )


def test_stages_of_a_pipeline_and_parted_ways_start_alike() -> None:
    found = run_on(on_stages, 2)
    given, reports = batch(), []
    whole = stages(igt.materialize_(fresh(), seed=5))
    for rank, stage in enumerate(stages(make(WIDTH))):
        receipt = igt.init_(stage, given, seed=5, rates=False, loss=loss, keep_healthy=False)
        reports.append(_numbers(igt.inspect(stage, given, loss)))
        given = stage(given).detach()
        assert found[rank]["left"] == receipt.left == ""
        assert found[rank]["hash"] == hash_of(stage)
        assert found[rank]["own"] == hash_of(whole[rank])
        assert found[rank]["report"][0] == reports[rank][0]
    # processes that went different ways: one start all the same, and nobody waits for anybody
    assert found[0]["parted"]["hash"] == found[1]["parted"]["hash"]
    assert found[0]["parted"]["left"] == ""
    losses = found[1]["losses"]
    assert losses[0] == pytest.approx(float(loss(given)), rel=1e-4)
    assert losses[2] < losses[0]
