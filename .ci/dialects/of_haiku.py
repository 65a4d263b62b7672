"""Haiku's initializers and layers."""

import haiku as hk
import jax
import jax.numpy as jnp

KEY = jax.random.PRNGKey(0)


def drawn(which, shape=(1000, 640)):
    return hk.transform(lambda: which(shape, jnp.float32)).apply({}, KEY)


def built(make, *shape):
    (parameters,) = hk.transform(lambda x: make()(x)).init(KEY, jnp.zeros(shape)).values()
    return parameters


def samples():
    init = hk.initializers
    for shape in ((1000, 640), (6, 6, 64, 256)):
        yield "haiku.VarianceScaling", {}, drawn(init.VarianceScaling(), shape)
        yield "haiku.UniformScaling", {}, drawn(init.UniformScaling(), shape)
    told = {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"}
    yield "haiku.VarianceScaling", told, drawn(init.VarianceScaling(**told))
    yield "haiku.TruncatedNormal", {}, drawn(init.TruncatedNormal())
    yield "haiku.RandomNormal", {"stddev": 0.3, "mean": 1.0}, drawn(init.RandomNormal(0.3, 1.0))
    yield "haiku.RandomUniform", {}, drawn(init.RandomUniform())
    yield "haiku.Constant", {"constant": 0.3}, drawn(init.Constant(0.3))
    yield "haiku.Orthogonal", {"scale": 2.0}, drawn(init.Orthogonal(2.0), (40, 60))
    yield "haiku.Linear.w", {}, built(lambda: hk.Linear(640), 1, 1000)["w"]
    yield "haiku.Linear.b", {}, built(lambda: hk.Linear(640), 1, 1000)["b"]
    yield "haiku.Conv1D.w", {}, built(lambda: hk.Conv1D(256, 40), 1, 40, 64)["w"]
    yield "haiku.Conv2D.w", {}, built(lambda: hk.Conv2D(256, 6, feature_group_count=2), 1, 8, 8, 128)["w"]
    yield "haiku.Conv3D.w", {}, built(lambda: hk.Conv3D(384, 3), 1, 4, 4, 4, 64)["w"]
    yield "haiku.Conv2DTranspose.w", {}, built(lambda: hk.Conv2DTranspose(64, 6), 1, 8, 8, 256)["w"]
    yield "haiku.LayerNorm.scale", {}, built(lambda: hk.LayerNorm(-1, True, True), 1, 8)["scale"]
    made = hk.transform(lambda: hk.Embed(1000, 640).embeddings).init(KEY)
    yield "haiku.Embed.embeddings", {}, made["embed"]["embeddings"]

    def cell(make):
        return hk.transform(lambda x: make(x)[0]).init(KEY, jnp.zeros((1, 512)))

    lstm = cell(lambda x: hk.LSTM(512)(x, hk.LSTM(512).initial_state(1)))
    (parameters,) = (one for name, one in lstm.items() if "linear" in name)
    yield "haiku.LSTM.linear.w", {}, parameters["w"]
    yield "haiku.LSTM.linear.b", {}, parameters["b"]
    gru = cell(lambda x: hk.GRU(512)(x, jnp.zeros((1, 512))))
    (parameters,) = gru.values()
    for part in ("w_i", "w_h", "b"):
        yield f"haiku.GRU.{part}", {}, parameters[part]
