"""Every architecture of the list: no crash, at least 95 % followed, and not a bit changed."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import isogain.torch as igt  # noqa: E402
from corpus.architectures import ARCHITECTURES  # noqa: E402
from test_inspect_safety import state  # noqa: E402

SLOW = {"efficientnet"}
"""Its signals are denormal numbers, which processors add up slowly; the corpus benchmark runs it."""


def test_there_are_enough():
    assert len(ARCHITECTURES) >= 60


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - SLOW))
def test_followed_and_unchanged(name):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            model, inputs = ARCHITECTURES[name]()
            before = state(model)
            report = igt.inspect(model, inputs)
            assert state(model) == before
    finally:
        torch.set_num_threads(threads)
    assert report.coverage.share >= 0.95
    assert len(report.layers) > 5
    assert len(report.to_json()) > 1000
