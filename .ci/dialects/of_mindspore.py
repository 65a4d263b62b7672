"""MindSpore's initializers and layers."""

import mindspore as ms
from mindspore import nn
from mindspore.common import initializer as init

ms.set_seed(0)


def drawn(which, shape=(1000, 640)):
    return init.initializer(which, list(shape), ms.float32).init_data().asnumpy()


def samples():
    for name in ("XavierUniform", "XavierNormal", "HeUniform", "HeNormal", "VarianceScaling"):
        for shape in ((1000, 640), (256, 64, 6, 6)):
            yield f"mindspore.{name}", {}, drawn(getattr(init, name)(), shape)
    yield "mindspore.HeUniform", {"negative_slope": 5**0.5}, drawn(init.HeUniform(5**0.5))
    yield (
        "mindspore.HeNormal",
        {"mode": "fan_out", "nonlinearity": "relu"},
        drawn(init.HeNormal(mode="fan_out", nonlinearity="relu")),
    )
    for kind in ("truncated_normal", "uniform", "untruncated_normal"):
        yield (
            "mindspore.VarianceScaling",
            {"scale": 2.0, "mode": "fan_avg", "distribution": kind},
            drawn(init.VarianceScaling(2.0, "fan_avg", kind)),
        )
    yield "mindspore.Uniform", {}, drawn(init.Uniform())
    yield "mindspore.Normal", {}, drawn(init.Normal())
    for sigma in (0.02, 1.0, 4.0):
        yield "mindspore.TruncatedNormal", {"sigma": sigma}, drawn(init.TruncatedNormal(sigma))
    yield "mindspore.Constant", {"value": 0.3}, drawn(init.Constant(0.3))
    yield "mindspore.Zero", {}, drawn(init.Zero())
    yield "mindspore.One", {}, drawn(init.One())
    yield "mindspore.Orthogonal", {"gain": 2.0}, drawn(init.Orthogonal(2.0), (40, 60))
    yield "mindspore.Sparse", {"sparsity": 0.5, "sigma": 0.3}, drawn(init.Sparse(0.5, 0.3), (1000, 800))
    yield "mindspore.nn.Dense.weight", {}, nn.Dense(1000, 640).weight.asnumpy()
    yield "mindspore.nn.Dense.bias", {"in_channels": 4}, nn.Dense(4, 200_000).bias.asnumpy()
    yield "mindspore.nn.Conv2d.weight", {}, nn.Conv2d(128, 96, 6, group=2).weight.asnumpy()
    yield (
        "mindspore.nn.Conv2d.bias",
        {"in_channels": 2, "kernel_size": 3},
        nn.Conv2d(2, 200_000, 3, has_bias=True).bias.asnumpy(),
    )
    yield "mindspore.nn.Conv2dTranspose.weight", {}, nn.Conv2dTranspose(128, 64, 6).weight.asnumpy()
    yield "mindspore.nn.Conv3d.weight", {}, nn.Conv3d(64, 96, 4).weight.asnumpy()
    yield (
        "mindspore.nn.Embedding.embedding_table",
        {},
        nn.Embedding(1000, 640).embedding_table.init_data().asnumpy(),
    )
    yield "mindspore.nn.LayerNorm.gamma", {}, nn.LayerNorm([8]).gamma.asnumpy()
    yield "mindspore.nn.LayerNorm.beta", {}, nn.LayerNorm([8]).beta.asnumpy()
    cell = nn.LSTM(300, 300)
    for part in cell.get_parameters():
        if part.name.startswith("weight") or "w_ih" in part.name:
            values = part.asnumpy()
            if values.size > 250_000:
                yield "mindspore.nn.LSTM.weight", {"hidden_size": 300}, values.reshape(-1, 300)
                break
