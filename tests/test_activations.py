"""Activations: functions against torch's own, moments against SciPy, Monte Carlo and published values."""

from __future__ import annotations

import itertools
import math
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from isogain.core.activations import ROWS, ActivationError, activation, functions, names
from isogain.core.activations.closed_forms import ClosedForms, erfcx
from isogain.core.activations.quadrature import ExpectationError, expectations, legendre
from isogain.theory import cross_moment

EVERY = names()
# E[phi], E[phi^2], gain, chi_1 at that gain, kappa, S_q at variance 1, as printed in the literature's notes
PUBLISHED = {
    "relu": (0.3989, 0.5, 1.414214, 1.000, 5.00, 1.000),
    "elu": (0.1605, 0.6449, 1.245198, 1.036, 2.78, 0.891),
    "selu": (0.0, 1.0, 1.000000, 1.072, 1.50, 0.783),
    "gelu": (0.2821, 0.4252, 1.533530, 1.072, 6.22, 1.144),
    "silu": (0.2066, 0.3558, 1.676532, 1.067, 6.26, 1.173),
    "mish": (0.2404, 0.4523, 1.486848, 1.059, 5.35, 1.076),
    "tanh": (0.0, 0.3943, 1.592537, 1.178, 0.63, 0.461),
    "erf": (0.0, 0.4646, None, 1.226, 0.56, 0.409),
    "sin": (0.0, 0.4323, None, 1.313, 0.64, 0.313),
    "softplus": (0.8061, 0.9213, 1.041867, 0.319, 1.76, 0.492),
    "sigmoid": (0.5, 0.2934, 1.846229, 0.153, 0.53, 0.106),
}


def torch_function(row):
    """The framework's own function for a row of the table, at the row's default parameters."""
    name = row.frameworks["torch"]
    if name.startswith("torch."):
        return getattr(torch, name.removeprefix("torch."))
    if name == "GELU(approximate='tanh')":
        return torch.nn.GELU(approximate="tanh")
    return getattr(torch.nn, name)().double().eval()


@pytest.mark.parametrize("row", [row for row in ROWS if "torch" in row.frameworks], ids=lambda row: row.name)
def test_function_and_slope_are_torchs(row):
    phi = activation(row.name)
    x = torch.linspace(-9.03, 9.01, 4001, dtype=torch.float64, requires_grad=True)
    y = torch_function(row)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(phi(x.detach().numpy()), y.detach().numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(phi.derivative(x.detach().numpy()), slope.numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_slope_is_the_difference_quotient(name):
    phi = activation(name)
    x = np.linspace(-6.01, 6.02, 997)
    x = x[np.abs(x[:, None] - np.array([*phi.kinks, 99.0])).min(1) > 1e-3]
    np.testing.assert_allclose(phi.derivative(x), (phi(x + 1e-5) - phi(x - 1e-5)) / 2e-5, atol=1e-7)


def adaptive(phi, power, variance, mean=0.0):
    """E[f] by SciPy's QUADPACK, cut at the kinks: another integrator, another code."""
    std = math.sqrt(variance)
    cuts = [-14.0, *sorted(k for k in ((kink - mean) / std for kink in phi.kinks) if abs(k) < 14), 14.0]

    def integrand(z):
        return float(power(mean + std * z)) * math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    pieces = itertools.pairwise(cuts)
    return sum(integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-13, limit=400)[0] for a, b in pieces)


def test_functions_of_the_normal_law_to_rounding():
    """ndtr, expit, erf and erfcx, made of the C library's, against SciPy's."""
    x = np.linspace(-9, 9, 20_001)
    np.testing.assert_allclose(functions.ndtr(x), special.ndtr(x), rtol=1e-13, atol=0)
    np.testing.assert_allclose(functions.expit(40 * x), special.expit(40 * x), rtol=1e-15, atol=0)
    np.testing.assert_allclose(functions.erf(x), special.erf(x), rtol=1e-15, atol=0)
    y = np.geomspace(1e-3, 1e8, 400)
    np.testing.assert_allclose([erfcx(float(v)) for v in y], special.erfcx(y), rtol=1e-14, atol=0)


@pytest.mark.parametrize("order", [2, 15, 40])
def test_quadrature_integrates_polynomials_exactly(order):
    nodes, weights = legendre(order)
    for power in range(2 * order):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), rel=1e-14)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("variance", "mean"), [(1.0, 0.0), (0.09, 0.0), (9.0, 0.7)])
def test_moments_agree_with_another_integrator(name, variance, mean):
    phi = activation(name)
    moments = phi.moments(variance, mean)
    for key, power in (
        ("mean", lambda u: phi(u)),
        ("second", lambda u: phi(u) ** 2),
        ("slope_second", lambda u: phi.derivative(u) ** 2),
    ):
        ours, theirs = getattr(moments, key), adaptive(phi, power, variance, mean)
        assert abs(ours.value - theirs) <= ours.error + 1e-10 * (1 + abs(theirs)), key


@pytest.mark.parametrize("name", [row for row in EVERY if activation(row).closed != ClosedForms()])
@pytest.mark.parametrize("variance", [0.06, 0.5, 1.0, 4.0, 40.0])
def test_closed_forms_agree_with_quadrature_within_both_bounds(name, variance):
    phi = activation(name)
    by_quadrature = replace(phi, name=f"{name} by quadrature", closed=ClosedForms()).moments(variance)
    exact = phi.moments(variance)
    for key in ("mean", "second", "fourth", "slope_second"):
        one, other = getattr(exact, key), getattr(by_quadrature, key)
        assert abs(one.value - other.value) <= one.error + other.error, key


@pytest.mark.parametrize("std", [30.0, 1e3, 1e6])
def test_narrow_features_are_not_stepped_over(std):
    """A wide law sees a bounded bump as its area times the density at 0: E[f] -> area / (std sqrt(2 pi))."""
    density = 1 / (std * math.sqrt(2 * math.pi))
    for name, area in (("tanh", 4 / 3), ("sigmoid", 1 / 6), ("erf", 4 / math.pi * math.sqrt(math.pi / 2))):
        steep = activation(name).moments(std**2).slope_second
        assert steep.value == pytest.approx(area * density, rel=2 / std**2)
    lost = 1 - activation("tanhshrink").moments(std**2).slope.value
    assert lost == pytest.approx(2 * density, rel=2 / std**2 + 1e-15 / density)
    cross = 1 - 2 * math.acos(0.5) / math.pi  # tanh has become the sign function
    assert cross_moment(activation("tanh"), std**2, 0.5).value == pytest.approx(cross, abs=3 / std)


def test_monte_carlo_agrees_within_five_standard_errors():
    z = np.random.default_rng(7).standard_normal(1_000_000)
    for name in EVERY:
        phi = activation(name)
        moments = phi.moments()
        value, slope = phi(z), phi.derivative(z)
        for key, draws in (
            ("mean", value),
            ("second", value**2),
            ("slope", slope),
            ("slope_second", slope**2),
        ):
            error = draws.std() / 1000
            assert abs(draws.mean() - getattr(moments, key).value) <= 5 * error + 1e-12, (name, key)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_table(name):
    mean, second, gain, chi, kappa, elasticity = PUBLISHED[name]
    phi = activation(name)
    moments = phi.moments()
    assert moments.mean.value == pytest.approx(mean, abs=6e-5)
    assert moments.second.value == pytest.approx(second, abs=1.01e-4)
    if gain is not None:
        assert phi.gain() == pytest.approx(gain, abs=6e-7)
    assert moments.slope_second.value / moments.second.value == pytest.approx(chi, abs=6e-4)
    assert moments.kappa == pytest.approx(kappa, abs=6e-3)
    assert moments.elasticity == pytest.approx(elasticity, abs=6e-4)


def test_relu_with_a_mean_has_its_closed_form():
    from scipy.stats import norm

    mean, variance = -0.8, 2.3
    std = math.sqrt(variance)
    exact = (mean**2 + variance) * norm.cdf(mean / std) + mean * std * norm.pdf(mean / std)
    found = activation("relu").moments(variance, mean).second
    assert abs(found.value - exact) <= found.error + 1e-14


@pytest.mark.parametrize("name", EVERY)
def test_stein_identities(name):
    """E[phi'] = E[z phi] / s, and d E[phi^2] / d ln q by finite differences of the moments themselves."""
    phi = activation(name)
    z = np.linspace(-12, 12, 480_001)
    direct = np.trapezoid(z * phi(z) * np.exp(-0.5 * z * z), z) / math.sqrt(2 * math.pi)
    assert phi.moments().slope.value == pytest.approx(direct, abs=1e-8)
    up, down = phi.moments(1.001).second.value, phi.moments(1 / 1.001).second.value
    slope = (math.log(up) - math.log(down)) / (2 * math.log(1.001))
    assert phi.moments().elasticity == pytest.approx(slope, abs=2e-6)


def test_the_bound_is_not_an_ornament():
    """An integrand with a kink that nobody named is still integrated, within the bound that is returned."""
    kink = 0.123456789
    values, bounds = expectations(lambda z: np.maximum(z - kink, 0)[None])
    exact = math.exp(-0.5 * kink**2) / math.sqrt(2 * math.pi) - kink * 0.5 * math.erfc(kink / math.sqrt(2))
    assert abs(values[0] - exact) <= bounds[0] < 1e-9
    jump, bound = expectations(lambda z: np.where(z > 1 / 3, 1.0, 0.0)[None])
    assert abs(jump[0] - 0.5 * math.erfc(1 / 3 / math.sqrt(2))) <= bound[0] < 1e-9


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["tanh", "gelu", "elu", "hard_tanh", "silu", "softplus"]),
    variance=st.floats(0.05, 20),
    factor=st.floats(0.2, 4),
)
def test_scaling_the_input_is_scaling_the_variance(name, variance, factor):
    phi = activation(name)
    squeezed = activation(lambda x: phi(factor * x))
    ours, theirs = squeezed.moments(variance), phi.moments(variance * factor**2)
    assert ours.second.value == pytest.approx(theirs.second.value, rel=1e-9)
    # a function's slopes are differences, which blur a kink: 1.2e-6 was seen (hard_tanh, 5, 3.875)
    assert ours.slope_second.value == pytest.approx(factor**2 * theirs.slope_second.value, rel=5e-6)


@settings(max_examples=40, deadline=None)
@given(
    places=st.lists(st.floats(-20, 20), min_size=1, max_size=5, unique_by=lambda x: round(x, 1)),
    slopes=st.lists(st.floats(0.1, 3), min_size=5, max_size=5),
)
def test_kinks_of_a_callable_are_found(places, slopes):
    bends = list(zip(sorted(places), slopes, strict=False))
    found = activation(lambda x: np.tanh(x) + sum(a * np.abs(x - k) for k, a in bends)).kinks
    assert found == pytest.approx([k for k, _ in bends], abs=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_a_bare_callable_is_as_good_as_the_table(name):
    """Function alone: kinks found, slope by differences; the moments agree within the stated bounds."""
    known = activation(name)
    found = activation(lambda x: known(x))
    ours, theirs = found.moments(1.3), known.moments(1.3)
    for key in ("second", "slope_second"):
        one, other = getattr(ours, key), getattr(theirs, key)
        assert abs(one.value - other.value) <= one.error + other.error, key


@pytest.mark.parametrize(
    "function",
    [torch.nn.functional.gelu, torch.nn.GELU(), lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5))],
    ids=["function", "module", "lambda"],
)
def test_torch_callables(function):
    found, known = activation(function).moments(), activation("gelu").moments()
    assert found.second.value == pytest.approx(known.second.value, rel=1e-12)
    assert found.slope_second.value == pytest.approx(known.slope_second.value, rel=1e-9)


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", ["tanh", "leaky_relu"])
def test_jax_callables(name, jitted):
    """In float64 whatever the user's setting, slopes by jax.grad, kinks found; the setting is left alone."""
    jax = pytest.importorskip("jax")
    function = {"tanh": jax.numpy.tanh, "leaky_relu": jax.nn.leaky_relu}[name]
    before = jax.config.jax_enable_x64
    phi = activation(jax.jit(function) if jitted else function)
    known = activation(name)
    assert phi.kinks == known.kinks
    ours, theirs = phi.moments(1.3), known.moments(1.3)
    for key in ("mean", "second", "fourth", "slope_second", "bend"):
        one, other = getattr(ours, key), getattr(theirs, key)
        assert abs(one.value - other.value) <= one.error + other.error < 1e-7, key
    assert jax.config.jax_enable_x64 == before
    with pytest.raises(ActivationError, match="not elementwise"):
        activation(jax.nn.softmax)


def test_other_callables():
    assert activation(math.tanh).moments().second.value == pytest.approx(0.3942944904, rel=1e-9)
    module = torch.nn.PReLU()  # float32 inside: the bound must own up to it
    second = activation(module).moments().second
    assert abs(second.value - (1 + 0.0625) / 2) <= second.error < 1e-6
    step = activation(np.sign)
    assert step.jumps
    assert step.kinks == pytest.approx((0.0,), abs=1e-9)
    assert step.moments().second.value == pytest.approx(1.0, rel=1e-12)
    assert math.isinf(step.moments().slope_second.value)


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda x: x / np.linalg.norm(x), "not elementwise"),
        (torch.nn.Softmax(-1), "not elementwise"),
        (lambda x: np.cumsum(x), "not elementwise"),
        (lambda x: np.log(x), "not finite"),
        (torch.nn.RReLU().train(), "two answers"),
        (lambda x: x[:3], "not an elementwise function"),
        (lambda x: "seven", "not an elementwise function"),
        (lambda x: np.floor(x * 50), "more than 64 kinks"),
        (7, "a name or a callable"),
        ("rellu", "did you mean relu"),
    ],
)
def test_what_is_no_activation_is_refused(function, complaint):
    with pytest.raises(ActivationError, match=complaint), np.errstate(all="ignore"):
        activation(function)


@pytest.mark.parametrize(
    ("name", "parameters", "complaint"),
    [
        ("relu", {"alpha": 1.0}, "no parameter alpha"),
        ("leaky_relu", {"negative_slope": math.nan}, "finite number"),
        ("celu", {"alpha": 0.0}, "above 0"),
        ("hard_tanh", {"min_val": 2.0}, "not below"),
        ("relu", {"approximate": "tanh"}, "of gelu"),
    ],
)
def test_wrong_parameters_are_refused(name, parameters, complaint):
    with pytest.raises(ActivationError, match=complaint):
        activation(name, **parameters)


def test_a_function_that_outgrows_the_normal_law_is_refused():
    with pytest.raises(ExpectationError, match=r"finite|grows"), np.errstate(all="ignore"):
        activation("relu_squared").moments(1e300)
    with pytest.raises(ActivationError, match="variance must be a finite number of at least 0, got -1"):
        activation("relu").moments(-1.0)


def test_names_spellings_and_values():
    assert activation("LeakyReLU", negative_slope=0.2) == activation("leaky-relu", negative_slope=0.2)
    assert activation("gelu", approximate="tanh") is activation("gelu_new")
    assert len({activation(name) for name in EVERY}) == len(EVERY)
    assert activation("swish") != activation("silu")
    assert str(activation("elu")) == "elu(alpha=1)"
    with pytest.raises(AttributeError):
        activation("relu").name = "other"
    assert pickle.loads(pickle.dumps(activation("relu").moments())) == activation("relu").moments()


def test_no_framework_is_imported():
    code = (
        "import sys, isogain.core.activations as a; a.activation('gelu').gain(); a.activation(lambda x: x * x);"
        "print(sorted({'torch', 'jax', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
