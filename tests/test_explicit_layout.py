"""A layout that is given holds for every row, the frameworks' own too; without one they read the bare shape."""

from __future__ import annotations

import math

import numpy as np
import pytest

import isogain as ig
from isogain.core.geometry.layout import Layout, implied
from isogain.errors import LayoutError

DIALECTS = ("torch.", "keras.", "tf.", "jax.", "caffe.", "mxnet.", "timm.")
ROWS = [row for row in ig.catalog() if row.name.startswith(DIALECTS)]
SCALED = [row for row in ROWS if isinstance(ig.get(row.name, **row.example), ig.VarianceScaling)]
SHAPE = (512, 2048)


def std(row, shape, **use):
    return ig.get(row.name, **row.example).law(shape, **use).std


def test_every_dialect_has_a_row_here():
    assert {row.name.partition(".")[0] + "." for row in SCALED} == set(DIALECTS)


@pytest.mark.parametrize("row", SCALED, ids=lambda row: row.name)
def test_the_fans_are_those_of_the_layout(row):
    """By hand: 512 and 2048 change sides with the layout, and the law follows."""
    value = ig.get(row.name, **row.example)
    fans = {"fan_in": 512, "fan_out": 2048, "fan_avg": 1280}
    swapped = {"fan_in": 2048, "fan_out": 512, "fan_avg": 1280}
    assert std(row, SHAPE, layout="in out") == pytest.approx(_delivered(value, fans[value.mode]), rel=1e-9)
    assert std(row, SHAPE, layout="out in") == pytest.approx(_delivered(value, swapped[value.mode]), rel=1e-9)


def _delivered(value, fan):
    """sqrt(scale / fan); contrib's truncation delivers 0.8796 of it."""
    share = (
        0.87962566103423978 if value.truncation == "uncorrected" and "trunc" in value.distribution else 1.0
    )
    return share * math.sqrt(value.scale / fan)


def test_the_reported_case():
    w = ig.draw("caffe.xavier", SHAPE, layout="in out")
    assert float(np.abs(w).max()) == pytest.approx(math.sqrt(3 / 512), rel=1e-3)
    assert float(np.abs(ig.draw("caffe.xavier", SHAPE)).max()) == pytest.approx(math.sqrt(3 / 2048), rel=1e-3)


@pytest.mark.parametrize("row", [row for row in SCALED if not row.layout], ids=lambda row: row.name)
def test_without_a_layout_the_framework_decides(row):
    """Shapes have their framework's meaning: (out, in, k) for torch, caffe, MXNet and timm, (k, in, out) else."""
    out_first = row.name.startswith(("torch.", "caffe.", "mxnet.", "timm."))
    shape, layout = ((7, 5, 3), "out in *") if out_first else ((3, 5, 7), "* in out")
    assert std(row, shape) == pytest.approx(std(row, shape, layout=layout), rel=1e-12)
    assert std(row, shape) == std(row, shape, layout=implied("in out *" if out_first else "* out in"))


@pytest.mark.parametrize(
    "name", ["torch.orthogonal_", "keras.Orthogonal", "jax.orthogonal", "mxnet.Orthogonal"]
)
def test_orthogonal_rows_take_the_outputs_of_the_layout(name):
    """Ten outputs of 4 x 3 inputs each, on an axis where the framework does not look for them."""
    w = ig.draw(name, (4, 10, 3), layout="in out *", dtype="float64")
    rows = w.transpose(1, 0, 2).reshape(10, 12)
    gain = ig.get(name).gain
    assert np.allclose(rows @ rows.T, gain**2 * np.eye(10), atol=1e-9)
    stacked = ig.draw(name, (3, 8, 6), layout="stack in out", dtype="float64")
    for member in stacked:
        assert np.allclose(member.T @ member, gain**2 * np.eye(6), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "layout"), [("torch.orthogonal_", "out in *"), ("keras.Orthogonal", "* in out")]
)
def test_a_layout_that_says_the_same_changes_no_bit(name, layout):
    assert np.array_equal(ig.draw(name, (5, 6, 7)), ig.draw(name, (5, 6, 7), layout=layout))


def test_caffes_sparse_and_unitball_count_the_layouts_outputs():
    sparse = ig.draw(
        ig.get("caffe.gaussian", sparse=20), (5000, 200), layout="in out"
    )  # fmt: skip
    share, count = float((sparse != 0).mean()), sparse.size
    assert abs(share - 20 / 200) < 5 * math.sqrt(0.1 * 0.9 / count)
    ball = ig.draw("caffe.positive_unitball", (30, 4), layout="in out", dtype="float64")
    assert np.allclose(ball.sum(axis=0), 1)
    assert np.allclose(ig.draw("caffe.positive_unitball", (30, 4), dtype="float64").sum(axis=1), 1)


def test_delta_orthogonal_takes_the_layouts_axes():
    kernel = ig.draw("jax.delta_orthogonal", (8, 4, 3, 3), layout="out in *", dtype="float64")
    centre = kernel[:, :, 1, 1]
    assert np.allclose(centre.T @ centre, np.eye(4), atol=1e-9)
    assert np.count_nonzero(kernel) == np.count_nonzero(centre)


def test_axes_that_are_named_hold_before_a_layout():
    named = ig.get("jax.he_normal", in_axis=0, out_axis=1)
    assert named.law(SHAPE, layout="out in").std == pytest.approx(math.sqrt(2 / 512))
    assert ig.get("jax.he_normal").law(SHAPE, layout="out in").std == pytest.approx(math.sqrt(2 / 2048))


def test_a_layout_without_fans_leaves_a_vector_to_the_framework():
    """Keras draws a bias of n entries with both fans n; 'out' says nothing against it."""
    assert ig.get("keras.GlorotUniform").law((10,), layout="out").std == pytest.approx(math.sqrt(1 / 10))
    with pytest.raises(LayoutError):
        ig.get("torch.xavier_normal_").law((10,), layout="out")


def test_a_wrong_layout_is_refused_by_frameworks_rows_too():
    with pytest.raises(LayoutError, match="has 2"):
        ig.draw("caffe.xavier", SHAPE, layout="out in in")


def test_an_implied_layout_reads_alike():
    assert str(implied("out in *")) == "out in *"
    assert implied("out in *") != Layout.parse("out in *")
    assert ig.fans(SHAPE, implied("out in")) == ig.fans(SHAPE, "out in")


class TestPyTorch:
    """fill_ and materialize_ say "out in *" of themselves; only the user's word binds torch's rows."""

    def test_a_filling_with_a_layout(self):
        torch = pytest.importorskip("torch")
        import isogain.torch as igt

        def bound(layout):
            made = igt.materialize_(
                torch.nn.Linear(2048, 512, bias=False),
                {"weight": igt.Filling("caffe.xavier", layout)},
                seed=0,
            )
            filled = igt.fill_(torch.empty(512, 2048), "caffe.xavier", seed=0, path="weight", layout=layout)
            assert torch.equal(made.weight, filled)
            return float(filled.abs().max())

        assert bound(None) == pytest.approx(math.sqrt(3 / 2048), rel=1e-3)
        assert bound("in out") == pytest.approx(math.sqrt(3 / 512), rel=1e-3)

    def test_torchs_blindness_to_transposition_stays_its_own(self):
        torch = pytest.importorskip("torch")
        import isogain.torch as igt

        layer = torch.nn.ConvTranspose2d(8, 64, 3, stride=2, bias=False)
        igt.materialize_(layer, {"weight": "torch.kaiming_uniform_"}, seed=0)
        theirs = math.sqrt(3 * 2 / (64 * 9))  # fan_in as torch computes it, from the bare shape (8, 64, 3, 3)
        assert float(layer.weight.detach().abs().max()) == pytest.approx(theirs, rel=1e-2)
