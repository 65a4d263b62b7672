"""inspect of `fully_shard` models on several processes says what it says of the whole model."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch without gloo", allow_module_level=True)

import isogain.torch as igt  # noqa: E402
from inspect_processes import batch, build, loss, numbers, run  # noqa: E402
from many_processes import run_on  # noqa: E402


@pytest.mark.parametrize("world", [1, 2, 4])
def test_sharded_models_are_inspected_like_whole_ones(world: int) -> None:
    found = run_on(run, world)
    first = found[0]
    assert len({repr((one["zeros"], one["healthy"])) for one in found.values()}) == 1  # nan is not nan
    for name, scale in (("healthy", 1.0), ("zeros", 0.0)):
        whole = igt.inspect(build(scale), batch(), loss)
        verdict, findings, layers = first[name]
        assert (verdict, findings) == (whole.verdict, [one.key for one in whole.findings])
        for (path, size, gradient), (other_path, other, slope) in zip(layers, numbers(whole), strict=True):
            assert path == other_path
            # the same samples in parts: sizes to rounding, and each part's loss counts as that
            assert size == pytest.approx(other, rel=1e-4, nan_ok=True), path
            if name == "healthy":  # behind zeros each rank sends random vectors of its own back
                assert gradient == pytest.approx(slope, rel=1e-4, nan_ok=True), path
    assert all("the model raised in forward" in one["refused"] for one in found.values())
    assert first["trained"][2] < first["trained"][0]
    assert (first["after"], first["mixed"]) == ("healthy", "healthy")
