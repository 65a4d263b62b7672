"""Sonnet 2's initializers and layers."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import sonnet as snt
import tensorflow as tf

tf.random.set_seed(0)


def drawn(which, shape=(1000, 640)):
    return which(shape, tf.float32).numpy()


def built(layer, shape):
    layer(tf.zeros(shape))
    return layer


def samples():
    init = snt.initializers
    for shape in ((1000, 640), (6, 6, 64, 256)):
        yield "sonnet.VarianceScaling", {}, drawn(init.VarianceScaling(), shape)
    told = {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"}
    yield "sonnet.VarianceScaling", told, drawn(init.VarianceScaling(**told))
    yield "sonnet.TruncatedNormal", {}, drawn(init.TruncatedNormal())
    yield "sonnet.RandomNormal", {"stddev": 0.3, "mean": 1.0}, drawn(init.RandomNormal(1.0, 0.3))
    yield "sonnet.RandomUniform", {}, drawn(init.RandomUniform())
    yield "sonnet.Constant", {"value": 0.3}, drawn(init.Constant(0.3))
    yield "sonnet.Orthogonal", {"gain": 2.0}, drawn(init.Orthogonal(2.0), (40, 60))
    yield "sonnet.Linear.w", {}, built(snt.Linear(640), (1, 1000)).w.numpy()
    yield "sonnet.Linear.b", {}, built(snt.Linear(640), (1, 1000)).b.numpy()
    yield "sonnet.Conv2D.w", {}, built(snt.Conv2D(256, 6), (1, 8, 8, 64)).w.numpy()
    yield "sonnet.Conv1D.w", {}, built(snt.Conv1D(256, 40), (1, 40, 64)).w.numpy()
    yield "sonnet.Conv2DTranspose.w", {}, built(snt.Conv2DTranspose(64, 6), (1, 8, 8, 256)).w.numpy()
    cell = snt.LSTM(400)
    cell(tf.zeros((1, 640)), cell.initial_state(1))
    yield "sonnet.LSTM.input_to_hidden", {}, cell.input_to_hidden.numpy()
    yield "sonnet.LSTM.hidden_to_hidden", {}, cell.hidden_to_hidden.numpy()
    yield "sonnet.LSTM.b", {}, cell.b.numpy()
    yield "sonnet.Embed.embeddings", {}, snt.Embed(1000, 640).embeddings.numpy()
