"""Every row of the catalog through Keras' own layers, against published laws of fans the layers count."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")
import isogain as ig  # noqa: E402
from conformance import SIGMAS  # noqa: E402
from isogain.keras import to_keras  # noqa: E402
from layers import (  # noqa: E402
    FEW,
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

L = keras.layers


def numbers(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


def of(make, fan_in: float, fan_out: float, shape: tuple, *inputs: int, weight: str = "kernel") -> Layer:
    """`make(initializer)` builds the Keras layer; `weight` is the array of it that is drawn."""

    def weights(initializer, seed):
        layer = make(to_keras(initializer, seed=seed, path="conformance"))
        layer.build((None, *inputs))
        return numbers(getattr(layer, weight))

    def run(array, given):
        layer = make("ones")
        layer.build((None, *inputs))
        assert tuple(getattr(layer, weight).shape) == array.shape
        return numbers(layer(given))

    return Layer(fan_in, fan_out, shape, inputs, weights, run)


LAYERS = {
    "Dense": of(lambda i: L.Dense(520, kernel_initializer=i), 400, 520, (400, 520), 400),
    "EinsumDense": of(
        lambda i: L.EinsumDense("abc,cde->abde", (None, 13, 40), kernel_initializer=i), 400, 520, (400, 13, 40), 8, 400
    ),
    "Conv1D": of(lambda i: L.Conv1D(520, 5, kernel_initializer=i), 400, 2600, (5, 80, 520), 20, 80),
    "Conv2D grouped": of(lambda i: L.Conv2D(512, 3, groups=4, kernel_initializer=i), 432, 1152, (3, 3, 48, 512), 12, 12, 192),
    "Conv2D strided": of(lambda i: L.Conv2D(512, 4, strides=2, kernel_initializer=i), 448, 2048, (4, 4, 28, 512), 16, 16, 28),
    "DepthwiseConv2D": of(
        lambda i: L.DepthwiseConv2D(5, 2, depth_multiplier=64, depthwise_initializer=i), 25, 400, (5, 5, 130, 64), 16, 16, 130
    ),
    "Conv2DTranspose": of(
        lambda i: L.Conv2DTranspose(256, 4, strides=2, kernel_initializer=i), 208, 4096, (4, 4, 256, 52), 12, 12, 52
    ),
}  # fmt: skip
ROWS_OF = {"Dense": ROWS, "Conv2D strided": READING_FANS}
EMBEDDING = of(
    lambda i: L.Embedding(4000, 52, embeddings_initializer=i), 1, 52, (4000, 52), weight="embeddings"
)
"""A row is looked up: one number read for each output, 52 fed."""


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_counts_the_fans_that_the_laws_are_asked_for(name):
    strides = 2 if name in ("Conv2D strided", "DepthwiseConv2D", "Conv2DTranspose") else 1
    counted = count_fans(LAYERS[name], strides=strides)
    assert counted == pytest.approx((LAYERS[name].fan_in, LAYERS[name].fan_out), rel=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_every_row_through_the_layer_follows_its_published_law(name):
    assert complaints(LAYERS[name], ROWS_OF.get(name, FEW)) == {}


def test_every_row_through_an_embedding_follows_its_published_law():
    assert complaints(EMBEDDING, FEW) == {}


def test_rows_of_one_number_through_a_layer():
    assert constant_complaints(of(lambda i: L.Dense(6, kernel_initializer=i), 4, 6, (4, 6), 4)) == {}


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
    own = ("he_normal", "lecun_uniform", "kaiming_normal", "siren")
    assert set(complaints(swapped, own)) == set(own)


ISOMETRIES = (
    "orthogonal",
    "keras.Orthogonal",
    "jax.orthogonal",
    "torch.orthogonal_",
    "tf.orthogonal_initializer",
)


@pytest.mark.parametrize("name", ISOMETRIES)
def test_an_isometry_keeps_every_length_through_its_layer(name):
    """A layer that widens keeps each input's length; one that narrows keeps it of what it lets through."""
    given = np.random.default_rng(0).normal(size=(16, 24)).astype("float32")
    layer = L.Dense(40, use_bias=False, kernel_initializer=to_keras(ig.get(name), seed=1))
    lengths = np.linalg.norm(numbers(layer(given)), axis=1) / np.linalg.norm(given, axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    narrow = L.Dense(10, use_bias=False, kernel_initializer=to_keras(ig.get(name), seed=1))
    narrow(given)
    kernel = numbers(narrow.kernel)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(10), atol=1e-5)


def test_a_delta_orthogonal_convolution_keeps_every_length():
    given = np.random.default_rng(0).normal(size=(2, 9, 9, 12)).astype("float32")
    for name in (
        "delta_orthogonal",
        "jax.delta_orthogonal",
        "tf.contrib.framework.convolutional_delta_orthogonal",
    ):
        layer = L.Conv2D(
            20, 3, padding="same", use_bias=False, kernel_initializer=to_keras(ig.get(name), seed=1)
        )
        assert np.linalg.norm(numbers(layer(given))) == pytest.approx(np.linalg.norm(given), rel=1e-5)


def test_identities_hand_on_what_they_get():
    given = np.random.default_rng(0).normal(size=(2, 9, 9, 12)).astype("float32")
    dense = L.Dense(12, use_bias=False, kernel_initializer=to_keras("identity"))
    np.testing.assert_array_equal(numbers(dense(given)), given)
    dirac = L.Conv2D(12, 3, padding="same", use_bias=False, kernel_initializer=to_keras("dirac"))
    np.testing.assert_allclose(numbers(dirac(given)), given, atol=1e-6)


def test_the_gates_of_a_recurrent_layer_are_maps_of_their_own():
    """An LSTM's kernel (400, 4 x 130) is four maps that each read 400 numbers and feed 130."""
    own = tuple(row for row in FEW if "." not in row)

    def weights(initializer, seed):
        lstm = L.LSTM(130, kernel_initializer=to_keras(initializer, seed=seed, path="conformance"))
        lstm.build((None, 3, 400))
        return numbers(lstm.cell.kernel)

    assert complaints(Layer(400, 130, (400, 520), (3, 400), weights), own) == {}


def test_attention_reads_heads_as_outputs_of_one_map():
    layer = L.MultiHeadAttention(8, 65, kernel_initializer=to_keras("he_normal", seed=3))
    layer.build((None, 4, 400), (None, 4, 400))
    for weight, fan_in in ((layer.query_dense.kernel, 400), (layer.output_dense.kernel, 520)):
        values = numbers(weight)
        assert values.size == 208_000
        assert abs(values.std() / math.sqrt(2 / fan_in) - 1) < SIGMAS / math.sqrt(2 * values.size)


def test_a_strided_recurrent_convolution_strides_over_its_inputs_alone():
    """Of 32 channels and 3 x 3 places an input feeds 32 x 9 / 4 numbers of each gate, a state 32 x 9."""
    init = to_keras(ig.VarianceScaling(1.0, "fan_out"), seed=0)
    layer = L.ConvLSTM2D(32, 3, strides=2, kernel_initializer=init, recurrent_initializer=init)
    layer.build((None, 4, 16, 16, 64))
    for weight, fan_out in ((layer.cell.kernel, 32 * 9 / 4), (layer.cell.recurrent_kernel, 32 * 9)):
        values = numbers(weight)
        assert abs(values.std() * math.sqrt(fan_out) - 1) < SIGMAS / math.sqrt(2 * values.size)
