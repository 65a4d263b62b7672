"""Every elementwise row of the catalog and of every dialect, against its published law."""

from __future__ import annotations

import math

import numpy as np
import pytest

import isogain as ig
from conformance import check_alike, check_sample, truncated
from published_laws import LITERATURE, OUT_FIRST, elementwise

OUT, IN = 1000, 500
"""500,000 draws tell a gain error of 1 % at more than 7 standard errors."""
ROWS = elementwise(IN, OUT)
OTHERS = {
    # judged by structure, in test_structured.py and test_torch_init.py
    "zeros", "ones", "constant", "orthogonal", "delta_orthogonal", "mirrored_orthogonal", "identity", "dirac",
    "sparse", "masked_normal", "bilinear", "gate_bias", "nonzero_mean_truncated_normal",
    "torch.constant_", "torch.ones_", "torch.zeros_", "torch.eye_", "torch.dirac_", "torch.orthogonal_",
    "torch.sparse_", "keras.Zeros", "keras.Ones", "keras.Constant", "keras.Identity", "keras.Orthogonal",
    "jax.zeros", "jax.ones", "jax.constant", "jax.orthogonal", "jax.delta_orthogonal",
    "tf.zeros_initializer", "tf.ones_initializer", "tf.constant_initializer", "tf.orthogonal_initializer",
    "tf.initializers.identity", "tf.contrib.framework.convolutional_delta_orthogonal",
    "caffe.constant", "caffe.positive_unitball", "caffe.bilinear",
    "mxnet.Orthogonal", "mxnet.Zero", "mxnet.One", "mxnet.Constant", "mxnet.Bilinear", "mxnet.LSTMBias",
}  # fmt: skip


def draw(name: str, parameters: dict, path: str = "conformance") -> np.ndarray:
    out_first = name.startswith(OUT_FIRST)
    shape, layout = ((OUT, IN), "out in") if out_first else ((IN, OUT), "in out")
    return ig.draw(ig.get(name, **parameters), shape, layout=layout, seed=2, path=path)


def test_every_row_is_judged_somewhere():
    """The rows for one kind of network each are judged in test_literature.py, those that were measured in
    their library in test_dialects.py."""
    names = {row.name for row in ig.catalog() if not row.version}
    assert names == set(ROWS) | OTHERS | LITERATURE
    assert not set(ROWS) & OTHERS
    assert not LITERATURE & (set(ROWS) | OTHERS)


@pytest.mark.parametrize("name", ROWS)
def test_row_follows_its_published_law(name):
    parameters, expected = ROWS[name]
    check_sample(draw(name, parameters), expected)


@pytest.mark.parametrize("name", ROWS)
def test_the_laws_own_moments_agree_with_scipy(name):
    parameters, expected = ROWS[name]
    out_first = name.startswith(OUT_FIRST)
    shape, layout = ((OUT, IN), "out in") if out_first else ((IN, OUT), "in out")
    law = ig.get(name, **parameters).law(shape, layout=layout)
    assert law.std == pytest.approx(float(expected.law.std()), rel=1e-9)
    assert law.mean == pytest.approx(float(expected.law.mean()), abs=1e-12)
    assert law.bounds == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_nonzero_mean_truncated_normal_delivers_mean_and_std():
    values = draw("nonzero_mean_truncated_normal", {})
    sigma = 0.1 / 0.87962566103423978
    check_sample(values, truncated(sigma, 0.5, 0.5 - 2 * sigma, 0.5 + 2 * sigma))


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform", "keras.LecunNormal", "jax.truncated_normal"])
class TestTheChecksCanFail:
    """A deliberately broken implementation of each kind is rejected."""

    def values(self, name):
        return draw(name, ROWS[name][0]).astype(np.float64), ROWS[name][1]

    @pytest.mark.parametrize("factor", [0.99, 1.01])
    def test_a_gain_wrong_by_one_percent(self, name, factor):
        values, expected = self.values(name)
        with pytest.raises(AssertionError):
            check_sample(values * factor, expected)

    def test_a_mean_off_by_a_hundredth_of_a_std(self, name):
        values, expected = self.values(name)
        with pytest.raises(AssertionError, match="mean"):
            check_sample(values + 0.01 * values.std(), expected)

    def test_another_shape_of_the_same_variance(self, name):
        values, expected = self.values(name)
        with pytest.raises(AssertionError):
            check_sample(np.sign(values) * values.std(), expected)

    def test_one_outlier(self, name):
        values, expected = self.values(name)
        if math.isinf(expected.high):
            pytest.skip("a normal law has no bound to break")
        values.flat[0] = 1.001 * expected.high
        with pytest.raises(AssertionError, match="above"):
            check_sample(values, expected)

    def test_swapped_fans(self, name):
        if name == "jax.truncated_normal":
            pytest.skip("reads no fans")
        parameters, expected = ROWS[name]
        swapped = ig.draw(ig.get(name, **parameters), (OUT, IN), layout="in out", seed=2)
        if name == "glorot_uniform":
            check_sample(swapped, expected)  # symmetric in the fans
        else:
            with pytest.raises(AssertionError):
                check_sample(swapped, expected)

    def test_too_small_a_sample(self, name):
        values, expected = self.values(name)
        with pytest.raises(AssertionError, match="cannot tell"):
            check_sample(values[:10], expected)


def test_two_samples_are_told_apart():
    a = ig.draw("he_normal", (1000, 1000), seed=1)
    b = ig.draw("he_normal", (1000, 1000), seed=2)
    check_alike(a, b)
    with pytest.raises(AssertionError):
        check_alike(a, 1.01 * b)


KERNEL = (3, 5, 40, 60)
"""(height, width, in, out); transposed to (out, in, height, width) for the frameworks that have it so."""


@pytest.mark.parametrize(
    ("name", "parameters", "std"),
    [
        ("he_normal", {}, math.sqrt(2 / (15 * 40))),
        (
            "keras.VarianceScaling",
            {"mode": "fan_out", "distribution": "untruncated_normal"},
            math.sqrt(1 / (15 * 60)),
        ),
        ("keras.HeNormal", {"input_axes": [2], "output_axes": [3]}, math.sqrt(2 / 40)),
        ("jax.he_normal", {}, math.sqrt(2 / (15 * 40))),
        ("jax.he_normal", {"batch_axis": (0,)}, math.sqrt(2 / (5 * 40))),
        ("jax.lecun_normal", {"in_axis": (1, 2), "out_axis": 3, "batch_axis": 0}, math.sqrt(1 / 200)),
        ("tf.glorot_uniform_initializer", {}, math.sqrt(2 / (15 * 100))),
        ("torch.kaiming_normal_", {"nonlinearity": "relu"}, math.sqrt(2 / (15 * 40))),
        ("torch.kaiming_normal_", {"nonlinearity": "relu", "mode": "fan_out"}, math.sqrt(2 / (15 * 60))),
        ("caffe.xavier", {"variance_norm": "FAN_OUT"}, math.sqrt(1 / (15 * 60))),
        ("caffe.xavier", {"variance_norm": "AVERAGE"}, math.sqrt(2 / (15 * 100))),
        (
            "mxnet.Xavier",
            {"rnd_type": "gaussian", "factor_type": "in", "magnitude": 2},
            math.sqrt(2 / (15 * 40)),
        ),
        ("mxnet.Xavier", {"factor_type": "out", "magnitude": 3}, math.sqrt(1 / (15 * 60))),
        ("timm.variance_scaling_", {"mode": "fan_avg"}, math.sqrt(2 / (15 * 100))),
    ],
)
def test_kernels_have_the_fans_of_their_framework(name, parameters, std):
    out_first = name.startswith(OUT_FIRST)
    shape = (60, 40, 3, 5) if out_first else KERNEL
    layout = "out in *" if out_first else "* in out"
    law = ig.get(name, **parameters).law(shape, layout=layout)
    assert law.std == pytest.approx(std, rel=1e-9)


def test_a_dialect_keeps_its_frameworks_blindness_and_the_default_does_not():
    grouped = {"layout": "out in *", "groups": 4}
    assert ig.get("torch.kaiming_normal_", mode="fan_out", nonlinearity="relu").law(
        (64, 16, 3, 3), **grouped
    ).std == (pytest.approx(math.sqrt(2 / (64 * 9))))
    ours = ig.get("variance_scaling", scale=2.0, mode="fan_out").law((64, 16, 3, 3), **grouped)
    assert ours.std == pytest.approx(math.sqrt(2 / (16 * 9)))


class TestComplex:
    """Variance rules for complex weights: E|w|^2 is what the real law's variance would be."""

    @pytest.mark.parametrize(
        "name", ["he_normal", "he_uniform", "he_truncated_normal", "normal", "uniform", "truncated_normal"]
    )
    @pytest.mark.parametrize("dtype", ["complex64", "complex128"])
    def test_second_moment(self, name, dtype):
        w = ig.draw(name, (500, 400), seed=3, dtype=dtype).ravel()
        wanted = ig.get(name).law((500, 400)).std ** 2
        squares = np.abs(w).astype(np.float64) ** 2
        assert abs(squares.mean() - wanted) < 5 * squares.std() / math.sqrt(w.size)
        circular = (w.astype(np.complex128) ** 2).mean()  # 0 when both parts are alike and independent
        assert abs(circular) < 6 * squares.mean() / math.sqrt(w.size)

    def test_jax_complex_truncated_normal_is_too_wide_by_its_constant(self):
        # E|z|^2 = 1 - 4 / (e^4 - 1) for |z| < 2; JAX divides by sqrt(1 - 5 e^-4) instead of its root
        delivered = math.sqrt(1 - 4 / math.expm1(4)) / 0.95311164380491208
        w = ig.draw("jax.he_normal", (500, 400), seed=4, dtype="complex64")
        squares = np.abs(w).astype(np.float64).ravel() ** 2 * 500 / 2
        assert abs(squares.mean() - delivered**2) < 5 * squares.std() / math.sqrt(w.size)
        assert 0.009 < delivered - 1 < 0.0094
