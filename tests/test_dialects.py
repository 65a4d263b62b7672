"""Libraries' own draws, measured in their own environments (`.ci/dialects.py`), against the catalog's rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isogain as ig
from isogain.core.geometry.layout import implied
from isogain.core.values.distributions import (
    ConstantLaw,
    Law,
    NormalLaw,
    SparseLaw,
    StructuredLaw,
    UniformLaw,
)

GOLDEN = Path(__file__).parent / "golden" / "dialects.json"
LIBRARIES = json.loads(GOLDEN.read_text(encoding="utf-8"))
RECORDS = [record for library in LIBRARIES for record in library["records"]]
DRAWN = [record for record in RECORDS if "std" in record]
COUNTED = [record for record in RECORDS if "fan_in" in record]
SIGMAS, RESOLUTION = 5.0, 0.01


def law_of(record: dict[str, Any], shape: list[int] | None = None) -> Law:
    layout = ig.catalog()[record["row"]].layout
    return ig.get(record["row"], **record["parameters"]).law(
        tuple(shape or record["shape"]),
        layout=implied(layout) if layout else None,
        is_complex=record["complex"],
    )


def kurtosis(law: Law) -> float:
    from scipy import stats

    if isinstance(law, UniformLaw):
        return 1.8
    if isinstance(law, NormalLaw):
        return 3.0
    if hasattr(law, "alpha"):
        return float(stats.truncnorm(law.alpha, law.beta).stats(moments="k")) + 3
    return 2.0  # a complex normal's E|w|⁴ / (E|w|²)²


def judge(record: dict[str, Any], law: Law, factor: float = 1.0) -> None:
    """AssertionError unless the numbers are those of the law, times a factor."""
    count, mean, std = math.prod(record["shape"]), complex(law.mean).real * factor, law.std * factor
    if isinstance(law, ConstantLaw) or std == 0:
        assert record["low"] == pytest.approx(mean, rel=1e-6, abs=1e-9)
        assert record["high"] == pytest.approx(mean, rel=1e-6, abs=1e-9)
        return
    if isinstance(law, StructuredLaw | SparseLaw):
        whole = math.hypot(
            record["std"], record["mean"] - mean
        )  # entries are not independent, nor of one law
        assert whole == pytest.approx(std, rel=0.02)
        return
    error = SIGMAS * math.sqrt((kurtosis(law) - 1) / (4 * count))
    assert error < RESOLUTION, f"{count} draws cannot tell a 1 % error"
    assert abs(record["std"] / std - 1) < error, f"std {record['std']}, expected {std}"
    assert abs(record["mean"] - mean) < SIGMAS * std / math.sqrt(count)
    assert abs(record["kurtosis"] - kurtosis(law)) < SIGMAS * math.sqrt(24 / count)
    low, high = law.bounds
    if math.isfinite(high):
        slack = 1e-5 * std
        assert factor * low - slack <= record["low"]
        assert record["high"] <= factor * high + slack
        if isinstance(law, UniformLaw):
            assert record["high"] > factor * (high - RESOLUTION * (high - low) / 2)


def name_of(record: dict[str, Any]) -> str:
    return f"{record['row']} {record.get('parameters', '')} {record['shape']}"


@pytest.mark.parametrize("record", DRAWN, ids=name_of)
def test_the_row_has_the_librarys_law(record):
    judge(record, law_of(record))


@pytest.mark.parametrize("record", COUNTED, ids=name_of)
def test_the_layers_fans_are_the_layouts(record):
    """All weights 1: ones in give fan_in, a single one in comes out fan_out times."""
    layout = ig.catalog()[record["row"]].layout
    fans = ig.fans(tuple(record["shape"]), layout, **record["use"])
    assert (fans.fan_in, fans.fan_out) == (record["fan_in"], record["fan_out"])


SCALED = [
    record
    for record in DRAWN
    if isinstance(ig.get(record["row"], **record["parameters"]), ig.VarianceScaling)
    and 2 * SIGMAS * math.sqrt((kurtosis(law_of(record)) - 1) / (4 * math.prod(record["shape"]))) < RESOLUTION
]
"""Of enough draws to tell 1 % from what a sample itself is off."""


@pytest.mark.parametrize("factor", [0.99, 1.01])
@pytest.mark.parametrize("record", SCALED, ids=name_of)
def test_a_gain_wrong_by_one_percent_is_rejected(record, factor):
    with pytest.raises(AssertionError):
        judge(record, law_of(record), factor)


@pytest.mark.parametrize("record", SCALED, ids=name_of)
def test_swapped_fans_are_rejected(record):
    """Where the law tells inputs from outputs at all."""
    value = ig.get(record["row"], **record["parameters"])
    other = value.replace(mode={"fan_in": "fan_out", "fan_out": "fan_in"}.get(value.mode, value.mode))
    law, swapped = law_of(record), other.law(tuple(record["shape"]), is_complex=record["complex"])
    if math.isclose(law.std, swapped.std, rel_tol=RESOLUTION):
        pytest.skip("as many inputs as outputs, or a mean of both")
    with pytest.raises(AssertionError):
        judge(record, swapped)


def test_what_was_measured_says_when_and_with_what():
    assert len(LIBRARIES) >= 4
    for library in LIBRARIES:
        assert library["date"] > "2026"
        assert library["version"]
        assert library["records"]
    assert np.mean([record in SCALED for record in DRAWN]) > 0.3


def test_most_rows_of_a_library_were_measured():
    """The others are the same line of the same table: another axis count, gate, norm or bias."""
    measured = {ig.catalog()[record["row"]].name for record in DRAWN}
    rows = [row for row in ig.catalog() if row.version]
    laws = {row.formula for row in rows if row.name in measured}
    unseen = [row.name for row in rows if row.name not in measured and row.formula not in laws]
    assert len(unseen) < 0.1 * len(rows), unseen


@pytest.mark.parametrize(
    "row",
    [row for row in ig.catalog() if row.version and isinstance(row.make(**row.example), ig.VarianceScaling)],
    ids=lambda row: row.name,
)
def test_a_layout_that_is_given_counts(row):
    """512 and 2048 change sides with the layout, and the law follows."""
    value = row.make(**row.example)
    stds = {layout: value.law((512, 2048), layout=layout).std for layout in ("in out", "out in")}
    fans = {"fan_in": (512, 2048), "fan_out": (2048, 512), "fan_avg": (1280, 1280)}[value.mode]
    cut = value.truncation == "uncorrected" and value.distribution == "truncated_normal"
    for std, fan in zip(stds.values(), fans, strict=True):
        assert std == pytest.approx(
            math.sqrt(value.scale / fan) * (0.87962566103423978 if cut else 1), rel=1e-9
        )
