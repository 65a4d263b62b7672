"""One seed of the labelled corpus: every broken start is found, every healthy one is left in peace."""

from __future__ import annotations

import importlib.util
import warnings

import pytest

torch = pytest.importorskip("torch")

import isogain.torch as igt  # noqa: E402
from corpus import (  # noqa: E402, F401  (fills the registries)
    broken,
    broken_closer,
    broken_kinds,
    healthy,
    healthy_closer,
    healthy_kinds,
)
from corpus.cases import BROKEN, HEALTHY, Case  # noqa: E402
from isogain.inspect import CODES  # noqa: E402

HAS_TRANSFORMERS = importlib.util.find_spec("transformers") is not None
SLOW = {"efficientnet_from_config"}
"""Its signals are denormal numbers, which processors add up slowly."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def inspected(case: Case, seed: int = 11):
    if case.needs and not HAS_TRANSFORMERS:
        pytest.skip("needs transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return igt.inspect(*case.build(seed))


@pytest.mark.parametrize("name", sorted(set(BROKEN) - SLOW))
def test_broken_starts_are_found(name):
    report = inspected(BROKEN[name])
    raised = {finding.code for finding in report.findings if finding.severity != "info"}
    assert BROKEN[name].codes & raised, str(report)


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_healthy_starts_are_left_in_peace(name):
    report = inspected(HEALTHY[name])
    assert report.verdict == "healthy", str(report)
    assert report.coverage.share >= 0.95


def test_every_code_has_a_broken_start():
    assert set(CODES) - {"rate-too-high"} == set().union(*(case.codes for case in BROKEN.values()))
    assert len(BROKEN) >= 30
    assert len(HEALTHY) >= 30


def test_every_broken_start_says_where_it_is_from():
    assert all(case.source for case in BROKEN.values())
