"""Laws of a whole tensor, each by what it is for: isometries as layers, identities, kernels, gates."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import nn
from torch.nn import functional

import isogain as ig
from conformance import check_alike, check_sample, normal
from isogain.errors import InitializerError


def singular_values(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.svd(matrix.astype(np.float64), compute_uv=False)


@pytest.mark.parametrize("shape", [(64, 64), (96, 32), (32, 96), (1, 7), (7, 1), (1, 1), (257, 130)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal_has_every_singular_value_at_the_gain(shape, dtype):
    w = ig.draw(ig.Orthogonal(1.7), shape, layout="out in", seed=3, dtype=dtype)
    assert np.abs(singular_values(w) - 1.7).max() < (1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize(
    ("name", "shape", "rows"),
    [
        ("torch.orthogonal_", (24, 6, 3, 3), (24, 54)),
        ("keras.Orthogonal", (3, 3, 6, 24), (54, 24)),
        ("jax.orthogonal", (3, 3, 6, 24), (54, 24)),
        ("tf.orthogonal_initializer", (5, 20), (5, 20)),
        ("mxnet.Orthogonal", (24, 6, 3, 3), (24, 54)),
    ],
)
def test_dialects_flatten_as_their_framework_does(name, shape, rows):
    w = ig.draw(name, shape, layout="out in *" if rows[0] == shape[0] else "* in out", seed=1)
    gain = 1.414 if name.startswith("mxnet") else 1.0
    assert np.abs(singular_values(w.reshape(rows)) - gain).max() < 1e-5


def test_orthogonal_is_haar():
    """Diaconis and Shahshahani: for Haar Q of O(n), E[tr Q] = 0, E[(tr Q)^2] = 1, E[(tr Q^2)] = 1,
    Var[tr Q^2] = 2; QR without the sign fix has E[tr Q] far from 0."""
    traces, squares = [], []
    for seed in range(2000):
        q = ig.draw("orthogonal", (8, 8), seed=seed, dtype="float64")
        traces.append(np.trace(q))
        squares.append(np.trace(q @ q))
    traces, squares = np.array(traces), np.array(squares)
    root = math.sqrt(len(traces))
    assert abs(traces.mean()) < 5 / root
    assert abs((traces**2).mean() - 1) < 5 * math.sqrt(2) / root
    assert abs(squares.mean() - 1) < 5 * math.sqrt(2) / root
    biased = [
        np.trace(np.linalg.qr(np.random.default_rng(s).standard_normal((8, 8)))[0]) for s in range(2000)
    ]
    assert abs(np.mean(biased)) > 5 / root  # the check would notice


def test_each_entry_of_the_stack_has_a_matrix_of_its_own():
    w = ig.draw("orthogonal", (3, 16, 16), layout="stack in out", seed=0)
    for matrix in w:
        assert np.abs(singular_values(matrix) - 1).max() < 1e-5
    assert np.abs(w[0] - w[1]).max() > 0.1
    packed = ig.draw("orthogonal", (48, 16), layout="(3 out) in", seed=0)
    for matrix in np.split(packed, 3):
        assert np.abs(singular_values(matrix) - 1).max() < 1e-5


@pytest.mark.parametrize("kernel", [3, (3, 5), (3, 3, 3)])
def test_delta_orthogonal_convolution_is_an_isometry(kernel):
    """Through torch's own circular convolution, whose norm no border disturbs."""
    axes = 1 if isinstance(kernel, int) else len(kernel)
    make = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    sizes = (kernel,) * axes if isinstance(kernel, int) else kernel
    layer = make(
        12, 20, kernel, padding=tuple(k // 2 for k in sizes), padding_mode="circular", bias=False
    ).double()
    w = ig.draw("delta_orthogonal", tuple(layer.weight.shape), layout="out in *", seed=5, dtype="float64")
    layer.weight.data = torch.from_numpy(w)
    x = torch.randn(3, 12, *[8] * axes, dtype=torch.float64)
    assert torch.allclose(layer(x).square().sum(), x.square().sum(), rtol=1e-12)


def test_even_kernels_have_the_centre_their_framework_gives_them():
    ours = ig.draw("jax.delta_orthogonal", (4, 4, 3, 3), seed=0)
    assert np.flatnonzero(np.abs(ours).sum((2, 3)).ravel()).tolist() == [1 * 4 + 1]
    theirs = ig.draw("torch.dirac_", (3, 3, 4, 4), layout="out in *")
    assert np.flatnonzero(theirs.sum((0, 1)).ravel()).tolist() == [2 * 4 + 2]


# --- mirrored orthogonal -------------------------------------------------------------------------

LINEAR_ODD_PARTS = ["relu", "leaky_relu", "gelu", "silu", "softplus"]


def mirrored_network(activation: str, sizes: list[int], depth_seed: int = 0) -> list[torch.Tensor]:
    weights = []
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        position = "first" if k == 0 else "last" if k == len(sizes) - 2 else "hidden"
        init = ig.MirroredOrthogonal(activation, position)
        w = ig.draw(init, (fan_out, fan_in), layout="out in", seed=depth_seed, path=f"w{k}", dtype="float64")
        weights.append(torch.from_numpy(w))
    return weights


def forward(weights: list[torch.Tensor], x: torch.Tensor, phi) -> torch.Tensor:
    for w in weights[:-1]:
        x = phi(functional.linear(x, w))
    return functional.linear(x, weights[-1])


PHI = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
}


@pytest.mark.parametrize("name", LINEAR_ODD_PARTS)
def test_a_mirrored_network_of_50_layers_is_an_orthogonal_linear_map(name):
    weights = mirrored_network(name, [32, *[64] * 49, 32])
    x, y = torch.randn(2, 10, 32, dtype=torch.float64)
    out = forward(weights, x, PHI[name])
    assert torch.allclose(out.norm(dim=1), x.norm(dim=1), rtol=1e-9)
    assert torch.allclose(
        forward(weights, 3 * x - y, PHI[name]), 3 * out - forward(weights, y, PHI[name]), atol=1e-9
    )


def test_plain_orthogonal_relu_is_no_isometry():
    weights = [
        torch.from_numpy(ig.draw(ig.Orthogonal(2**0.5), (64, 64), seed=0, path=str(k), dtype="float64"))
        for k in range(50)
    ]
    x = torch.randn(10, 64, dtype=torch.float64)
    assert not torch.allclose(forward(weights, x, functional.relu).norm(dim=1), x.norm(dim=1), rtol=0.1)


def test_odd_widths_and_width_changes_stay_linear():
    weights = mirrored_network("relu", [9, 21, 33, 27, 5])
    x, y = torch.randn(2, 6, 9, dtype=torch.float64)
    total = forward(weights, x + y, functional.relu)
    assert torch.allclose(total, forward(weights, x, functional.relu) + forward(weights, y, functional.relu))
    assert weights[1][-1].abs().sum() > 0  # the unit left over reads something ...
    assert weights[2][:, -1].abs().sum() == 0  # ... and nobody reads it


def test_mirrored_kernels_sit_at_the_centre():
    w = ig.draw(ig.MirroredOrthogonal("relu"), (16, 16, 3, 3), layout="out in *", seed=0)
    assert np.count_nonzero(np.abs(w).sum((0, 1))) == 1
    centre = w[:, :, 1, 1]
    assert np.array_equal(centre[:8], -centre[8:])


def test_mirrored_needs_a_slope_and_two_units():
    with pytest.raises(InitializerError, match="slope"):
        ig.MirroredOrthogonal(lambda z: z * 0 + z**2)
    with pytest.raises(InitializerError, match="two units"):
        ig.draw("mirrored_orthogonal", (1, 1))


# --- patterns ------------------------------------------------------------------------------------


def test_identity_and_eye():
    assert np.array_equal(ig.draw("identity", (4, 6)), np.eye(4, 6, dtype=np.float32))
    assert np.array_equal(
        ig.draw(ig.Identity(2.0), (2, 3, 3), layout="stack in out"), 2 * np.stack([np.eye(3)] * 2)
    )
    with pytest.raises(InitializerError, match="receptive"):
        ig.draw("identity", (3, 3, 4, 4))


@pytest.mark.parametrize(
    ("shape", "groups"), [((6, 6, 3), 1), ((8, 4, 3, 3), 2), ((4, 4, 3, 3, 3), 1), ((6, 2, 4, 4), 3)]
)
def test_dirac_equals_torchs(shape, groups):
    ours = ig.draw("torch.dirac_", shape, layout="out in *", groups=groups)
    assert np.array_equal(ours, nn.init.dirac_(torch.empty(shape), groups=groups).numpy())


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_sparse_counts_zeros_as_torch_does(sparsity):
    shape = (37, 53)
    ours = ig.draw(ig.Sparse(sparsity, 0.5), shape, layout="out in", seed=1)
    theirs = nn.init.sparse_(torch.empty(shape), sparsity, 0.5).numpy()
    assert ((ours == 0).sum(0) == (theirs == 0).sum(0)).all()


def test_sparse_places_are_uniform_and_values_normal():
    w = ig.draw(ig.Sparse(0.75, 0.3), (400, 6000), layout="out in", seed=2)
    counts = (w == 0).sum(1)
    assert abs(counts - 4500).max() < 6 * math.sqrt(6000 * 0.75 * 0.25)
    check_sample(w[w != 0], normal(0.3))
    flipped = ig.draw(ig.Sparse(0.75, 0.3), (50, 40), layout="in out", seed=2)
    assert ((flipped == 0).sum(1) == 30).all()


def test_masked_normal_keeps_its_share():
    w = ig.draw(ig.get("caffe.gaussian", sparse=20, std=0.2), (200, 5000), layout="out in", seed=3)
    share = (w != 0).mean()
    assert abs(share - 0.1) < 5 * math.sqrt(0.1 * 0.9 / w.size)
    both = ig.draw(ig.MaskedNormal(0.2, keep=0.8), (1000, 800), seed=3)
    check_sample(both[both != 0], normal(0.2))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bilinear_upsamples_as_torch_interpolates(factor):
    kernel = 2 * factor - factor % 2
    w = ig.draw("bilinear", (1, 1, kernel, kernel), layout="in out *")
    x = torch.randn(1, 1, 7, 7)
    padding = math.ceil((factor - 1) / 2)
    up = functional.conv_transpose2d(x, torch.from_numpy(w), stride=factor, padding=padding)
    expected = functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    inner = slice(2 * factor, -2 * factor)
    assert torch.allclose(up[..., inner, inner], expected[..., inner, inner], atol=1e-6)


def test_gate_bias_opens_the_forget_gate_of_torchs_lstm():
    cell = nn.LSTM(3, 5)
    b = ig.draw("mxnet.LSTMBias", tuple(cell.bias_ih_l0.shape), layout="out")
    assert b.reshape(4, 5).tolist() == [[0] * 5, [1] * 5, [0] * 5, [0] * 5]
    with pytest.raises(InitializerError, match="does not divide"):
        ig.draw("gate_bias", (7,), layout="out")


def test_positive_unitball_rows_sum_to_one():
    w = ig.draw("caffe.positive_unitball", (30, 4, 5, 5), layout="out in *", seed=0)
    assert w.min() > 0
    assert np.allclose(w.reshape(30, -1).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("orthogonal", (60, 40), {}),
        ("orthogonal", (3, 3, 20, 30), {}),
        ("delta_orthogonal", (3, 3, 20, 30), {}),
        ("mirrored_orthogonal", (61, 41), {}),
        ("mirrored_orthogonal", (61, 40), {"position": "first"}),
        ("mirrored_orthogonal", (41, 61), {"position": "last"}),
        ("identity", (60, 40), {}),
        ("dirac", (3, 3, 20, 30), {}),
        ("bilinear", (4, 4, 2, 2), {}),
        ("sparse", (60, 40), {}),
        ("caffe.positive_unitball", (60, 400), {}),
        ("gate_bias", (8,), {}),
    ],
)
def test_the_rms_a_law_announces_is_the_rms_it_delivers(name, shape, options):
    init = ig.get(name, **options)
    layout = "out" if len(shape) == 1 else "* in out"
    w = np.stack([ig.draw(init, shape, layout=layout, seed=seed, dtype="float64") for seed in range(20)])
    law = init.law(shape, layout=layout)
    tolerance = (
        0.02 if name in ("sparse", "caffe.positive_unitball") else 1e-2 if "mirrored" in name else 1e-9
    )
    assert math.sqrt((w**2).mean()) == pytest.approx(law.std, rel=tolerance)


@pytest.mark.parametrize(
    "name", ["zeros", "keras.Zeros", "jax.zeros", "mxnet.Zero", "tf.zeros_initializer", "torch.zeros_"]
)
def test_zeros_rows(name):
    assert not ig.draw(name, (3, 4)).any()


@pytest.mark.parametrize(
    "name", ["ones", "keras.Ones", "jax.ones", "mxnet.One", "tf.ones_initializer", "torch.ones_"]
)
def test_ones_rows(name):
    assert (ig.draw(name, (3, 4)) == 1).all()


def test_constant_rows():
    for name in (
        "constant",
        "jax.constant",
        "mxnet.Constant",
        "keras.Constant",
        "tf.constant_initializer",
        "caffe.constant",
    ):
        assert (ig.draw(ig.get(name, value=2.5), (3, 4)) == 2.5).all()
    assert (ig.draw(ig.get("torch.constant_", val=2.5), (3, 4)) == 2.5).all()


def test_complex_weights_are_refused_where_there_is_no_law():
    with pytest.raises(InitializerError, match="complex"):
        ig.draw("orthogonal", (4, 4), dtype="complex64")


class TestSparse:
    @pytest.mark.parametrize("shape", [(7, 3), (40, 25)])
    def test_torchs_row_zeroes_as_torch_does(self, shape):
        """So many of each column, whatever the columns mean."""
        theirs = torch.nn.init.sparse_(torch.empty(shape), 0.1)
        for layout in (None, "out in"):
            ours = ig.draw(ig.get("torch.sparse_", sparsity=0.1), shape, layout=layout, seed=1)
            assert ((ours == 0).sum(0) == (theirs == 0).sum(0).numpy()).all()

    def test_by_outputs_and_with_a_mean(self):
        """MLX: each output forgets so many of its inputs."""
        w = ig.draw(ig.Sparse(0.4, 0.5, mean=2.0, of="outputs"), (20_000, 10), layout="out in", seed=2)
        assert ((w == 0).sum(1) == 4).all()
        law = ig.Sparse(0.4, 0.5, mean=2.0, of="outputs").law((20_000, 10), layout="out in")
        assert (law.mean, law.std) == pytest.approx((0.6 * 2, math.sqrt(0.6 * 0.25 + 0.24 * 4)))
        assert w.mean() == pytest.approx(law.mean, abs=5 * law.std / math.sqrt(w.size))
        assert w.std() == pytest.approx(law.std, rel=0.01)

    def test_arguments(self):
        with pytest.raises(InitializerError, match="of must be one of"):
            ig.Sparse(of="rows")
        with pytest.raises(InitializerError, match="axis is 0 or 1"):
            ig.Sparse(axis=2)


class TestRemainderNormal:
    @pytest.mark.parametrize("fold", [0.3, 1.0, 2.0])
    def test_it_is_the_remainder_of_a_normal(self, fold):
        """fastai's own line: normal_().fmod_(2).mul_(std)."""
        torch.manual_seed(0)
        theirs = torch.empty(400, 500).normal_().fmod_(fold).mul_(0.01).numpy()
        ours = ig.draw(ig.RemainderNormal(0.01, fold), (400, 500), seed=3)
        check_alike(ours, theirs)
        assert np.abs(ours).max() <= 0.01 * fold

    @pytest.mark.parametrize("fold", [0.02, 0.5, 2.0, 6.0])
    def test_its_std(self, fold):
        """By quadrature, fold by fold."""
        squares = (
            integrate.quad(lambda z, k=k: (z - k * fold) ** 2 * stats.norm.pdf(z), k * fold, (k + 1) * fold)[
                0
            ]
            for k in range(math.ceil(9 / fold))
        )
        law = ig.RemainderNormal(3.0, fold).law((10, 10))
        assert law.std == pytest.approx(3 * math.sqrt(2 * sum(squares)), rel=1e-9)

    def test_a_fold_of_nothing_is_refused(self):
        with pytest.raises(InitializerError, match=r"at least \.01"):
            ig.RemainderNormal(1.0, 0.0)
