"""Thinc's initializers and layers."""

import numpy as np
from thinc import api
from thinc import initializers as init
from thinc.api import NumpyOps

OPS = NumpyOps()
np.random.seed(0)


def samples():
    for name in (
        "glorot_uniform_init",
        "glorot_normal_init",
        "lecun_normal_init",
        "lecun_uniform_init",
        "he_normal_init",
        "he_uniform_init",
    ):
        for shape in ((1000, 640), (400, 3, 500)):
            yield f"thinc.{name}", {}, getattr(init, name)(OPS, shape)
    yield "thinc.uniform_init", {}, init.uniform_init(OPS, (1000, 640))
    yield "thinc.normal_init", {}, init.normal_init(OPS, (1000, 640))
    yield "thinc.normal_init", {"mean": 0.3}, init.normal_init(OPS, (1000, 640), mean=0.3)
    yield "thinc.zero_init", {}, init.zero_init(OPS, (6, 4))
    for name in ("Linear", "Relu", "Mish", "Gelu", "Swish", "Softmax"):
        layer = getattr(api, name)(1000, 640).initialize()
        yield f"thinc.{name}.W", {}, layer.get_param("W")
    yield "thinc.Linear.b", {}, api.Linear(1000, 640).initialize().get_param("b")
    maxout = api.Maxout(1000, 640, nP=3).initialize()
    yield "thinc.Maxout.W", {}, (maxout if maxout.has_param("W") else maxout.layers[0]).get_param("W")
    yield "thinc.Embed.E", {}, api.Embed(256, 1000).initialize().get_param("E")
    yield "thinc.HashEmbed.E", {}, api.HashEmbed(256, 1000).initialize().get_param("E")


def counts():
    layer = api.Linear(5, 7).initialize()
    layer.set_param("W", np.ones((5, 7), "float32"))
    layer.set_param("b", np.zeros(5, "float32"))
    yield (
        "thinc.Linear.W",
        (5, 7),
        {},
        layer.predict(np.ones((1, 7), "float32"))[0, 0],
        layer.predict(np.eye(7, dtype="float32")[:1]).sum(),
    )
