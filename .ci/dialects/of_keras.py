"""Keras' layers, on whichever backend there is."""

import keras
import numpy as np

keras.utils.set_random_seed(0)


def built(layer, *shape):
    layer.build(shape)
    return layer


def values(variable):
    return keras.ops.convert_to_numpy(variable)


def samples():
    layers = keras.layers
    yield "keras.layers.Dense.kernel", {}, values(built(layers.Dense(640), 1, 1000).kernel)
    yield "keras.layers.Dense.bias", {}, values(built(layers.Dense(640), 1, 1000).bias)
    for axes, kernel in ((1, 36), (2, 6), (3, 3)):
        space = (48 if axes == 1 else 8,) * axes
        yield (
            f"keras.layers.Conv{axes}D.kernel",
            {},
            values(built(getattr(layers, f"Conv{axes}D")(128, kernel, groups=2), 1, *space, 128).kernel),
        )
        yield (
            f"keras.layers.Conv{axes}DTranspose.kernel",
            {},
            values(built(getattr(layers, f"Conv{axes}DTranspose")(128, kernel), 1, *space, 64).kernel),
        )
    yield (
        "keras.layers.DepthwiseConv2D.kernel",
        {},
        values(built(layers.DepthwiseConv2D(7, depth_multiplier=4), 1, 9, 9, 1000).kernel),
    )
    yield "keras.layers.Embedding.embeddings", {}, values(built(layers.Embedding(1000, 640), 1).embeddings)
    attention = layers.MultiHeadAttention(8, 64)
    attention.build((1, 4, 320), (1, 4, 320))
    for part in ("query", "key", "value", "output"):
        dense = getattr(attention, f"_{part}_dense")
        yield f"keras.layers.MultiHeadAttention.{part}_dense.kernel", {}, values(dense.kernel)
        yield f"keras.layers.MultiHeadAttention.{part}_dense.bias", {}, values(dense.bias)
    for name in ("LSTM", "GRU", "SimpleRNN"):
        cell = built(getattr(layers, name)(512), 1, 4, 512).cell
        yield f"keras.layers.{name}.kernel", {}, values(cell.kernel)
        yield f"keras.layers.{name}.recurrent_kernel", {}, values(cell.recurrent_kernel)
    yield "keras.layers.LayerNormalization.gamma", {}, values(built(layers.LayerNormalization(), 1, 8).gamma)
    yield "keras.layers.BatchNormalization.beta", {}, values(built(layers.BatchNormalization(), 1, 8).beta)
    yield "keras.layers.PReLU.alpha", {}, values(built(layers.PReLU(), 1, 8).alpha)


def counts():
    layer = built(keras.layers.Dense(5, use_bias=False), 1, 7)
    layer.kernel.assign(np.ones((7, 5)))
    yield (
        "keras.layers.Dense.kernel",
        (7, 5),
        {},
        values(layer(np.ones((1, 7), "float32")))[0, 0],
        values(layer(np.eye(7, dtype="float32")[:1])).sum(),
    )
