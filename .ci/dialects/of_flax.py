"""Flax' layers, NNX and Linen, and Equinox'."""

import equinox as eqx
import flax.linen as linen
import jax
import jax.numpy as jnp
from flax import nnx

KEY = jax.random.PRNGKey(0)


def grown(module, *shape, dtype=jnp.float32):
    return module.init(KEY, jnp.zeros(shape, dtype))["params"]


def samples():
    rngs = nnx.Rngs(0)
    yield "flax.nnx.Linear.kernel", {}, nnx.Linear(1000, 640, rngs=rngs).kernel[...]
    yield "flax.nnx.Linear.bias", {}, nnx.Linear(1000, 640, rngs=rngs).bias[...]
    yield "flax.nnx.Conv.kernel", {}, nnx.Conv(128, 256, (6, 6), feature_group_count=2, rngs=rngs).kernel[...]
    yield "flax.nnx.ConvTranspose.kernel", {}, nnx.ConvTranspose(64, 256, (6, 6), rngs=rngs).kernel[...]
    yield "flax.nnx.Embed.embedding", {}, nnx.Embed(1000, 250, rngs=rngs).embedding[...]
    attention = nnx.MultiHeadAttention(8, 1000, 640, rngs=rngs)
    for part in ("query", "key", "value", "out"):
        yield f"flax.nnx.MultiHeadAttention.{part}.kernel", {}, getattr(attention, part).kernel[...]
    yield "flax.nnx.LayerNorm.scale", {}, nnx.LayerNorm(8, rngs=rngs).scale[...]
    cell = nnx.OptimizedLSTMCell(400, 400, rngs=rngs)
    yield "flax.nnx.OptimizedLSTMCell.dense_i.kernel", {}, cell.dense_i.kernel[...]
    yield "flax.nnx.OptimizedLSTMCell.dense_h.kernel", {}, cell.dense_h.kernel[...]
    yield "flax.linen.Dense.kernel", {}, grown(linen.Dense(640), 1, 1000)["kernel"]
    yield "flax.linen.Conv.kernel", {}, grown(linen.Conv(256, (6, 6)), 1, 8, 8, 64)["kernel"]
    yield "flax.linen.Embed.embedding", {}, grown(linen.Embed(1000, 640), 1, dtype=jnp.int32)["embedding"]
    lstm = linen.LSTMCell(800)
    made = lstm.init(KEY, lstm.initialize_carry(KEY, (1, 800)), jnp.zeros((1, 800)))["params"]
    for gate in "ifgo":
        yield f"flax.linen.LSTMCell.i{gate}.kernel", {}, made[f"i{gate}"]["kernel"]
        yield f"flax.linen.LSTMCell.h{gate}.kernel", {}, made[f"h{gate}"]["kernel"]
    yield "equinox.nn.Linear.weight", {}, eqx.nn.Linear(1000, 640, key=KEY).weight
    yield "equinox.nn.Linear.bias", {"in_features": 4}, eqx.nn.Linear(4, 200_000, key=KEY).bias
    for axes, kernel in ((1, 36), (2, 6), (3, 3)):
        yield (
            f"equinox.nn.Conv{axes}d.weight",
            {},
            getattr(eqx.nn, f"Conv{axes}d")(128, 128, kernel, groups=2, key=KEY).weight,
        )
        yield (
            f"equinox.nn.ConvTranspose{axes}d.weight",
            {},
            getattr(eqx.nn, f"ConvTranspose{axes}d")(128, 128, kernel, groups=2, key=KEY).weight,
        )
    yield (
        "equinox.nn.Conv2d.bias",
        {"in_channels": 4, "kernel_size": 3},
        eqx.nn.Conv2d(4, 200_000, 3, key=KEY).bias,
    )
    yield "equinox.nn.Embedding.weight", {}, eqx.nn.Embedding(1000, 250, key=KEY).weight
    for cell in ("LSTMCell", "GRUCell"):
        made = getattr(eqx.nn, cell)(300, 300, key=KEY)
        for part in ("weight_ih", "weight_hh"):
            yield f"equinox.nn.{cell}.{part}", {"hidden_size": 300}, getattr(made, part)
    yield (
        "equinox.nn.MultiheadAttention.query_proj.weight",
        {},
        eqx.nn.MultiheadAttention(8, 512, key=KEY).query_proj.weight,
    )
    yield "equinox.nn.LayerNorm.weight", {}, eqx.nn.LayerNorm(8).weight
    yield "equinox.nn.PReLU.negative_slope", {}, eqx.nn.PReLU().negative_slope
