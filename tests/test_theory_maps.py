"""Pairs, maps, fixed points, critical points, mirrored starts and phase diagrams."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isogain as ig
from isogain.core.activations import activation, names
from isogain.theory import MeanField, TheoryError, critical_point, cross_moment, mirrored, phase_diagram
from isogain.theory.hermite import hermite_coefficients
from isogain.theory.pairs import cross_slope, gap

EVERY = names()


def draws(correlation, count=2_000_000, seed=3):
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((2, count))
    return x, correlation * x + math.sqrt(1 - correlation**2) * y


@pytest.mark.parametrize("correlation", [-0.6, 0.3, 0.95])
def test_cross_moments_agree_with_monte_carlo(correlation):
    x, y = draws(correlation)
    for name in EVERY:
        phi = activation(name)
        product = phi(1.2 * x) * phi(1.2 * y)
        found = cross_moment(phi, 1.44, correlation)
        assert abs(product.mean() - found.value) <= 5 * product.std() / len(x) ** 0.5 + found.error, name


def test_cross_moments_at_unequal_variances_and_means():
    x, y = draws(0.5)
    for name in ("relu", "tanh", "elu"):
        phi = activation(name)
        product = phi(0.3 + x) * phi(-0.2 + 2 * y)
        found = cross_moment(phi, (1.0, 4.0), 0.5, (0.3, -0.2))
        assert abs(product.mean() - found.value) <= 5 * product.std() / len(x) ** 0.5


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "erf", "sin"])
@pytest.mark.parametrize("distance", [1.3, 0.4, 1e-3, 1e-7])
def test_closed_kernels_agree_with_the_plane_integral(name, distance):
    """Cho & Saul's and Williams's kernels against quadrature in two dimensions, as distances, not differences."""
    from dataclasses import replace

    from isogain.core.activations.closed_forms import ClosedForms

    phi = activation(name)
    plain = replace(phi, name=f"{name} by quadrature", closed=ClosedForms())
    for one, other in ((gap(phi, 1.7, distance), gap(plain, 1.7, distance)),
                       (cross_slope(phi, 1.7, distance), cross_slope(plain, 1.7, distance))):  # fmt: skip
        assert abs(one.value - other.value) <= one.error + other.error + 1e-9 * abs(other.value)


@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "mish", "softplus"])
def test_the_series_and_the_plane_integral_agree(name):
    phi = activation(name)
    squares, missing = hermite_coefficients(phi, 1.0)
    assert squares[0] == pytest.approx(phi.moments().mean.value ** 2, abs=1e-12)
    assert squares.sum() + missing >= phi.moments().second.value - 1e-12
    by_series = float((squares * 0.4 ** np.arange(len(squares))).sum())
    assert by_series == pytest.approx(cross_moment(phi, 1.0, 0.4).value, abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["relu", "tanh", "gelu", "elu", "hard_tanh", "softplus", "sin"]),
    q=st.floats(0.05, 15),
    distance=st.floats(1e-6, 1.0),
)
def test_distances_shrink_to_within_the_bounds_of_the_slope(name, q, distance):
    """0 <= gap, gap at 0 is 0, and gap / (q d) lies under E[phi'^2] (Cauchy-Schwarz), rising as d falls."""
    phi = activation(name)
    here, nearer = gap(phi, q, distance), gap(phi, q, distance / 2)
    steepest = phi.moments(q).slope_second.value
    assert 0 <= here.value <= q * distance * steepest * (1 + 1e-9) + here.error
    assert nearer.value / (distance / 2) >= here.value / distance * (1 - 1e-9)
    assert gap(phi, q, 0.0).value == 0


@settings(max_examples=20, deadline=None)
@given(q=st.floats(0.05, 10), c=st.floats(-0.99, 0.99), name=st.sampled_from(["relu", "tanh", "gelu", "elu"]))
def test_the_correlation_map_is_symmetric(q, c, name):
    """Swapping the two inputs changes nothing; for an odd activation, flipping one flips the sign."""
    phi = activation(name)
    assert cross_moment(phi, (q, 2 * q), c).value == pytest.approx(
        cross_moment(phi, (2 * q, q), c).value, rel=1e-9
    )
    if name == "tanh":
        assert cross_moment(phi, q, -c).value == pytest.approx(
            -cross_moment(phi, q, c).value, rel=1e-9, abs=1e-13
        )


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(["relu", "tanh", "gelu", "elu", "softplus"]),
    weight=st.floats(0.2, 4),
    bias=st.floats(0, 1),
    q=st.floats(0.1, 5),
    distance=st.floats(1e-4, 0.9),
)
def test_equal_inputs_stay_equal_and_nearer_ones_nearer(name, weight, bias, q, distance):
    """c = 1 is fixed, and the correlation map rises for correlations of at least 0."""
    field = MeanField(activation(name), weight, bias)
    assert field.distance(q, 0.0) == 0
    nearer, farther = field.distance(q, distance), field.distance(q, 1.1 * distance)
    assert 0 < nearer < farther
    assert farther <= 1.1 * distance * field.distance_rate(q, 0.0) * (1 + 1e-7)


@pytest.mark.parametrize(
    ("name", "weight", "bias", "q", "tolerance"),
    [
        ("gelu", 1.98306, 0.17292, (3 + math.sqrt(17)) / 2, 6e-6),
        ("silu", 1.98800, 0.55514, 14.3202, 6e-5),
        ("tanh", 1, 0, 0, 1e-12),
        ("sin", 1, 0, 0, 1e-12),
        ("relu", 2, 0, 1, 1e-12),
        ("erf", math.pi / 4, 0, 0, 1e-12),
        ("leaky_relu", 2 / (1 + 1e-4), 0, 1, 1e-12),
    ],
)
def test_critical_points(name, weight, bias, q, tolerance):
    point = critical_point(name)
    assert point.exists
    assert point.weight_variance == pytest.approx(weight, abs=tolerance)
    assert point.bias_variance == pytest.approx(bias, abs=tolerance)
    assert point.q == pytest.approx(q, abs=tolerance)
    assert point.chi == pytest.approx(1, abs=1e-12)
    assert point.variance_rate == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "hard_swish", "quick_gelu"])
def test_finite_critical_points_hold_when_the_map_is_iterated(name):
    """The point is a fixed point of the variance map, and its stability is what iterating it shows."""
    point = critical_point(name)
    field = MeanField(activation(name), point.weight_variance, point.bias_variance)
    assert field.variance(point.q) == pytest.approx(point.q, rel=1e-12)
    returns = 0
    for start in (1.005 * point.q, point.q / 1.005):
        q = start
        for _ in range(5):
            q = field.variance(q)
        returns += abs(math.log(q / point.q)) < abs(math.log(start / point.q))
    expected = {"half-stable": 1, "stable": 2, "unstable": 0}[point.stability]
    assert returns == expected
    assert point.stable == (expected == 2)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "hard_sigmoid"])
def test_where_none_exists_it_says_so_and_what_to_do(name):
    point = critical_point(name)
    assert not point.exists
    assert point.weight_variance is None
    assert "no critical point exists" in str(point)
    assert "normalization" in point.instead
    assert json.loads(json.dumps(point.to_dict()))["exists"] is False


def test_the_edge_of_chaos_at_a_given_variance():
    point = critical_point("elu", variance=1.0)
    field = MeanField(activation("elu"), point.weight_variance, point.bias_variance)
    assert field.variance(1.0) == pytest.approx(1.0, rel=1e-12)
    assert field.chi(1.0) == pytest.approx(1.0, rel=1e-12)
    assert point.stable
    q = 3.0
    for _ in range(200):
        q = field.variance(q)
    assert q == pytest.approx(1.0, rel=1e-6)
    assert not critical_point("softplus", variance=1.0).exists
    with pytest.raises(TheoryError, match="above 0"):
        critical_point("tanh", variance=-1.0)


@pytest.mark.parametrize(("weight", "bias"), [(2.0, 0.05), (0.5, 0.05), (4.0, 0.0)])
def test_fixed_points_are_where_iteration_ends(weight, bias):
    for name in ("erf", "hard_tanh"):
        field = MeanField(activation(name), weight, bias)
        fixed = field.settle(1.0)
        q, distance = 1.0, 0.9
        for _ in range(150):
            q, distance = field.variance(q), field.distance(q, distance)
            if distance < 1e-5:
                break
        assert q == pytest.approx(fixed.variance, rel=1e-3, abs=1e-3)
        assert distance == pytest.approx(fixed.distance, abs=5e-3)


def test_relu_on_the_edge_forgets_like_nine_pi_squared_over_two_l_squared():
    field, distance = MeanField(activation("relu"), 2.0), 1.0
    for _ in range(2000):
        distance = field.distance(1.0, distance)
    assert distance * 2000**2 / (9 * math.pi**2 / 2) == pytest.approx(1, abs=0.02)


def test_depth_scales_are_measured_decay_rates():
    field = MeanField(activation("tanh"), 2.0, 0.05)
    fixed = field.settle(1.0)
    q, distance, gaps = fixed.variance, fixed.distance * 0.99, []
    for _ in range(40):
        gaps.append(abs(distance - fixed.distance))
        distance = field.distance(q, distance)
    rate = (gaps[39] / gaps[19]) ** (1 / 20)
    assert fixed.correlation_depth == pytest.approx(-1 / math.log(rate), rel=0.02)


@pytest.mark.parametrize(
    ("name", "slope"),
    [("relu", 1), ("leaky_relu", 1.01), ("gelu", 1), ("silu", 1), ("softplus", 1), ("hard_swish", 1)],
)
def test_linear_odd_parts_are_computed(name, slope):
    found = mirrored(name)
    assert found.linear
    assert found.slope == pytest.approx(slope, rel=1e-9)
    assert found.isometry_error(1000) < 1e-6


@pytest.mark.parametrize("name", ["tanh", "elu", "selu", "mish", "sigmoid", "sin"])
def test_bent_odd_parts_are_computed_and_their_loss_is_simulated(name):
    """The predicted factor on the variance against a mirrored layer drawn with NumPy."""
    found = mirrored(name)
    assert not found.linear
    phi = activation(name)
    z = np.random.default_rng(0).standard_normal(1_000_000)
    simulated = ((phi(z) - phi(-z)) ** 2 * found.scale**2).mean()
    assert found.variance_rate == pytest.approx(simulated, rel=0.01)


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "relu6", "mish", "elu"])
def test_the_isometry_error_of_fifty_mirrored_layers(name):
    """Against networks drawn by `MirroredOrthogonal`, forward, 50 layers of 256: ln of the squared length."""
    phi, found, changes = activation(name), mirrored(name), []
    for seed in range(4):
        x = np.random.default_rng(seed).standard_normal((256, 8))
        x /= np.sqrt((x**2).mean(0))
        first = ig.MirroredOrthogonal(activation=name, position="first")
        hidden = ig.MirroredOrthogonal(activation=name, position="hidden")
        z = ig.draw(first, (256, 256), layout="out in", seed=seed, path="0", dtype="float64") @ x
        start = (z**2).mean(0)
        for layer in range(1, 51):
            weights = ig.draw(
                hidden, (256, 256), layout="out in", seed=seed, path=str(layer), dtype="float64"
            )
            z = weights @ phi(z)
        changes.extend(np.log((z**2).mean(0) / start))
    predicted = found.isometry_error(50)
    if name in ("relu", "gelu", "silu"):
        assert predicted == 0
        assert np.abs(changes).max() < 1e-12
    elif name == "relu6":  # bends beyond 6 standard deviations only
        assert predicted < 1e-6
        assert np.abs(changes).max() < 1e-6
    else:
        assert abs(np.mean(changes)) == pytest.approx(predicted, rel=0.04)
        assert predicted > 1


def test_even_and_flat_functions_cannot_be_mirrored():
    for name in ("absolute", "gaussian", "relu_squared", "softshrink"):
        assert not mirrored(name).usable


@pytest.mark.parametrize("name", ["tanh", "relu", "elu", "gelu", "hard_tanh", "sigmoid", "sin"])
def test_phase_diagrams_agree_with_fixed_points_found_one_by_one(name):
    diagram = phase_diagram(name, points=12)
    generator = np.random.default_rng(1)
    for i, j in generator.integers(12, size=(12, 2)):
        weight, bias = diagram.weight_std[j] ** 2, diagram.bias_std[i] ** 2
        fixed = MeanField(activation(name), weight, bias).settle(weight + bias)
        expected = (fixed.variance, fixed.gradient_rate, 1 - fixed.distance, 6 * fixed.correlation_depth)
        found = (
            diagram.variance[i][j],
            diagram.chi[i][j],
            diagram.correlation[i][j],
            diagram.trainable_depth[i][j],
        )
        assert found == pytest.approx(expected, rel=0.02, abs=1e-3)


def test_phase_diagram_as_a_value():
    diagram = phase_diagram("tanh", (0.5, 2.0), (0.0, 0.5), 16)
    assert diagram.phase(0.5, 0.0) == "ordered"
    assert diagram.phase(2.0, 0.0) == "chaotic"
    field = activation("tanh")
    for weight, bias in diagram.edge[::5]:
        fixed = MeanField(field, weight**2, bias**2).settle(weight**2 + bias**2)
        assert fixed.gradient_rate == pytest.approx(1, abs=0.02)
    assert json.loads(json.dumps(diagram.to_dict(), allow_nan=False))["activation"] == "tanh"
    assert len(str(diagram).splitlines()) == 18
    for wrong in (
        {"weight_std": (2.0, 1.0)},
        {"bias_std": (-1.0, 1.0)},
        {"points": 1},
        {"input_variance": 0.0},
    ):
        with pytest.raises(TheoryError):
            phase_diagram("tanh", **wrong)
    with pytest.raises(TheoryError, match="jumps"):
        phase_diagram(np.sign)
