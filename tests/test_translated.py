"""Layers of every framework, built from translated calls (`.ci/translated.py`): two samples against each other."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import isogain as ig

GOLDEN = Path(__file__).parent / "golden" / "translated.json"
FRAMEWORKS = json.loads(GOLDEN.read_text(encoding="utf-8"))
SAMPLES = {
    (record["law"], one["framework"]): record
    for one in FRAMEWORKS
    for record in one["records"]
    if "missing" not in record
}
LAWS = list(dict.fromkeys(law for law, _ in SAMPLES))
PAIRS = list(itertools.combinations([one["framework"] for one in FRAMEWORKS], 2))
SIGMAS, SMALLEST_P = 5.0, 1e-6


def check_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    """AssertionError unless two samples share mean, std and the histogram between the same edges."""
    sizes = [math.prod(sample["shape"]) for sample in (one, other)]
    pairs = list(zip((one, other), sizes, strict=True))
    mean_error = math.sqrt(sum(sample["std"] ** 2 / size for sample, size in pairs))
    assert abs(one["mean"] - other["mean"]) < SIGMAS * mean_error
    errors = [s["std"] * math.sqrt((s["kurtosis"] - 1) / (4 * size)) for s, size in pairs]
    assert abs(one["std"] - other["std"]) < SIGMAS * math.hypot(*errors)
    counts = np.array([one["counts"], other["counts"]])
    p = stats.chi2_contingency(counts[:, counts.sum(0) > 0]).pvalue
    assert p > SMALLEST_P, f"histograms of two laws: p = {p:.1e}"


@pytest.mark.parametrize("law", LAWS)
def test_layers_of_every_pair_of_frameworks_start_alike(law):
    for one, other in PAIRS:
        if (law, one) in SAMPLES and (law, other) in SAMPLES:
            check_alike(SAMPLES[law, one], SAMPLES[law, other])


def test_every_pair_shares_laws():
    """Only PyTorch Geometric, which has Glorot's law alone, shares fewer than two with another."""
    for one, other in PAIRS:
        shared = sum((law, one) in SAMPLES and (law, other) in SAMPLES for law in LAWS)
        assert shared >= (0 if "pyg" in (one, other) else 2), (one, other)
    assert len(PAIRS) >= 100


@pytest.mark.parametrize("law", LAWS)
def test_a_scale_that_is_off_and_another_histogram_are_rejected(law):
    sample = next(record for (name, _), record in SAMPLES.items() if name == law)
    with pytest.raises(AssertionError):
        check_alike(sample, {**sample, "std": 1.02 * sample["std"]})
    moved = np.roll(sample["counts"], 1) + np.arange(len(sample["counts"])) * len(sample["counts"])
    with pytest.raises(AssertionError, match="histograms"):
        check_alike(sample, {**sample, "counts": moved.tolist()})


def test_the_calls_are_what_translate_says_today():
    """The recorded layers were built from calls; a call that changed has to be built again."""
    known = {"torch's Linear": "torch.nn.Linear.weight", "Xavier, uniform": "torch.xavier_uniform_", "He, normal": "torch.kaiming_normal_"}  # fmt: skip
    for (law, framework), record in SAMPLES.items():
        if law in known:
            assert ig.translate(known[law], to=framework, shape=(400, 500)).call == record["call"]
