"""Every row of the catalog through the layers of Flax, Haiku and Equinox, by fans the layers count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

import isogain as ig  # noqa: E402
from isogain.jax import to_haiku, to_jax  # noqa: E402
from layers import (  # noqa: E402
    READING_FANS,
    ROWS,
    Layer,
    check_weights,
    complaints,
    constant_complaints,
    count_fans,
    published,
    several,
)

KEY = jax.random.key(11)


def nnx_layer(make, fan_in: float, fan_out: float, shape: tuple, *inputs: int, **geometry) -> Layer:
    """`make(nnx, initializer, rngs)` is a layer of Flax NNX without a bias."""

    def build(initializer, seed=0):
        nnx = pytest.importorskip("flax.nnx")
        return make(nnx, initializer, nnx.Rngs(seed))

    def weights(initializer, seed):
        return np.asarray(build(to_jax(initializer, **geometry), seed).kernel[...])

    def run(array, given):
        return np.asarray(build(lambda key, shape, dtype=None, **_: jnp.asarray(array))(given))

    return Layer(fan_in, fan_out, shape, inputs, weights, run)


def linen_layer(make, fan_in: float, fan_out: float, shape: tuple, *inputs: int, **geometry) -> Layer:
    """`make(linen, initializer)` is a module of Flax Linen without a bias."""

    def weights(initializer, seed):
        linen = pytest.importorskip("flax.linen")
        module = make(linen, to_jax(initializer, **geometry))
        return np.asarray(module.init(jax.random.key(seed), jnp.zeros((1, *inputs)))["params"]["kernel"])

    def run(array, given):
        linen = pytest.importorskip("flax.linen")
        return np.asarray(make(linen, linen.initializers.ones).apply({"params": {"kernel": array}}, given))

    return Layer(fan_in, fan_out, shape, inputs, weights, run)


def haiku_layer(make, fan_in: float, fan_out: float, shape: tuple, *inputs: int) -> Layer:
    """`make(haiku, initializer)` is a module of Haiku without a bias."""

    def transformed(initializer):
        haiku = pytest.importorskip("haiku")
        return haiku.transform(lambda x: make(haiku, initializer)(x))

    def weights(initializer, seed):
        params = transformed(to_haiku(initializer)).init(jax.random.key(seed), jnp.zeros((1, *inputs)))
        return np.asarray(next(iter(params.values()))["w"])

    def run(array, given):
        haiku = pytest.importorskip("haiku")
        net = transformed(haiku.initializers.Constant(array))
        return np.asarray(net.apply(net.init(KEY, given), KEY, given))

    return Layer(fan_in, fan_out, shape, inputs, weights, run)


def equinox_linear(fan_in: int, fan_out: int) -> Layer:
    """eqx.nn.Linear holds (out, in); its weights are put there by tree_at."""

    def made(array):
        equinox = pytest.importorskip("equinox")
        layer = equinox.nn.Linear(fan_in, fan_out, use_bias=False, key=KEY)
        assert layer.weight.shape == array.shape
        return equinox.tree_at(lambda one: one.weight, layer, array)

    def weights(initializer, seed):
        return np.asarray(made(to_jax(initializer, "out in")(jax.random.key(seed), (fan_out, fan_in))).weight)

    def run(array, given):
        return np.asarray(jax.vmap(made(jnp.asarray(array)))(given))

    return Layer(fan_in, fan_out, (fan_out, fan_in), (fan_in,), weights, run, told=True)


LAYERS = {
    "NNX Linear": nnx_layer(
        lambda nnx, i, rngs: nnx.Linear(400, 520, use_bias=False, kernel_init=i, rngs=rngs), 400, 520, (400, 520), 400
    ),
    "NNX Conv grouped": nnx_layer(
        lambda nnx, i, rngs: nnx.Conv(
            192, 512, (3, 3), feature_group_count=4, use_bias=False, kernel_init=i, rngs=rngs
        ),
        432, 1152, (3, 3, 48, 512), 12, 12, 192, groups=4,
    ),
    "Linen Dense": linen_layer(
        lambda nn, i: nn.Dense(520, use_bias=False, kernel_init=i), 400, 520, (400, 520), 400
    ),
    "Linen Conv strided": linen_layer(
        lambda nn, i: nn.Conv(512, (4, 4), 2, use_bias=False, kernel_init=i),
        448, 2048, (4, 4, 28, 512), 16, 16, 28, stride=2,
    ),
    "Linen ConvTranspose": linen_layer(
        lambda nn, i: nn.ConvTranspose(256, (4, 4), (2, 2), use_bias=False, kernel_init=i),
        208, 4096, (4, 4, 52, 256), 12, 12, 52, stride=2, transposed=True,
    ),
    "Haiku Linear": haiku_layer(
        lambda hk, i: hk.Linear(520, with_bias=False, w_init=i), 400, 520, (400, 520), 400
    ),
    "Equinox Linear": equinox_linear(520, 400),
}  # fmt: skip
DENSE = ("NNX Linear", "Linen Dense", "Haiku Linear", "Equinox Linear")
BOTH_FANS = ("he_normal", "kaiming_normal", "spectral", "mup output")
"""What convolutions add to Dense is their fans, and JAX compiles every kind of law anew for every shape."""
ROWS_OF = {**dict.fromkeys(DENSE, READING_FANS), "NNX Linear": ROWS}


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_counts_the_fans_that_the_laws_are_asked_for(name):
    strides = 2 if name in ("Linen Conv strided", "Linen ConvTranspose") else 1
    counted = count_fans(LAYERS[name], strides=strides)
    assert counted == pytest.approx((LAYERS[name].fan_in, LAYERS[name].fan_out), rel=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_every_row_through_the_layer_follows_its_published_law(name):
    assert complaints(LAYERS[name], ROWS_OF.get(name, BOTH_FANS)) == {}


@pytest.mark.parametrize("name", DENSE)
def test_rows_of_one_number_through_a_layer(name):
    assert constant_complaints(LAYERS[name]) == {}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_a_gain_wrong_by_one_percent_is_caught_in_every_layer(name, factor):
    layer = LAYERS[name]
    expected = published("he_normal", layer)[1]
    check_weights(several(layer, ig.VarianceScaling(2.0)), expected)
    with pytest.raises(AssertionError, match="std"):
        check_weights(several(layer, ig.VarianceScaling(2.0 * factor**2)), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_swapped_fans_are_caught_in_every_layer(name):
    layer = LAYERS[name]
    swapped = replace(layer, fan_in=layer.fan_out, fan_out=layer.fan_in)
    assert set(complaints(swapped, BOTH_FANS)) == set(BOTH_FANS)


@pytest.mark.parametrize("name", ["orthogonal", "keras.Orthogonal", "jax.orthogonal", "torch.orthogonal_"])
def test_an_isometry_keeps_every_length_through_a_layer_that_widens(name):
    layer = LAYERS["NNX Linear"]
    given = np.random.default_rng(0).normal(size=(16, 400)).astype("float32")
    out = layer.run(layer.weights(ig.get(name), 0), given)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), np.linalg.norm(given, axis=1), rtol=1e-4)


def test_an_isometry_of_a_layer_that_narrows_has_orthonormal_outputs():
    """Equinox holds (out, in): the 400 outputs are 400 orthonormal directions of the 520 inputs."""
    weight = LAYERS["Equinox Linear"].weights(ig.get("orthogonal"), 0).astype(np.float64)
    assert np.abs(weight @ weight.T - np.eye(400)).max() < 1e-5
