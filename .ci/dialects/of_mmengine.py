"""MMEngine's init_cfg classes."""

import torch
from mmengine.model import (
    Caffe2XavierInit,
    ConstantInit,
    KaimingInit,
    NormalInit,
    TruncNormalInit,
    UniformInit,
    XavierInit,
)
from mmengine.model.weight_init import bias_init_with_prob
from torch import nn

torch.manual_seed(0)


def drawn(which, layer=None):
    layer = layer or nn.Conv2d(128, 128, 6)
    which(layer)
    return layer.weight.detach().numpy()


def samples():
    kinds = "Conv2d"
    yield "mmengine.XavierInit", {}, drawn(XavierInit(layer=kinds))
    yield (
        "mmengine.XavierInit",
        {"gain": 2.0, "distribution": "uniform"},
        drawn(XavierInit(2.0, distribution="uniform", layer=kinds)),
    )
    yield "mmengine.KaimingInit", {}, drawn(KaimingInit(layer=kinds))
    told = {"a": 1.0, "mode": "fan_in", "nonlinearity": "leaky_relu", "distribution": "uniform"}
    yield "mmengine.KaimingInit", told, drawn(KaimingInit(**told, layer=kinds))
    yield "mmengine.Caffe2XavierInit", {}, drawn(Caffe2XavierInit(layer=kinds))
    yield "mmengine.NormalInit", {}, drawn(NormalInit(layer=kinds))
    yield "mmengine.UniformInit", {}, drawn(UniformInit(layer=kinds))
    yield "mmengine.TruncNormalInit", {"std": 0.02}, drawn(TruncNormalInit(std=0.02, layer=kinds))
    yield "mmengine.TruncNormalInit", {}, drawn(TruncNormalInit(layer=kinds))
    yield "mmengine.ConstantInit", {"val": 0.3}, drawn(ConstantInit(0.3, layer=kinds))
    yield "mmengine.bias_init_with_prob", {}, torch.full((4,), bias_init_with_prob(0.01)).numpy()
