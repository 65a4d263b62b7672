"""Every framework's own names, arguments, fan rule and truncation, defects included.

One module a framework; importing this package puts their rows in the catalog.
"""

from isogain.core.names.dialects import (
    caffe,
    chainer,
    haiku,
    jax,
    keras,
    mindspore,
    mlx,
    model_libraries,
    mxnet,
    paddle,
    pytorch,
    tensorflow,
    thinc,
    timm,
    tinygrad,
    torch_libraries,
)

__all__ = [
    "caffe",
    "chainer",
    "haiku",
    "jax",
    "keras",
    "mindspore",
    "mlx",
    "model_libraries",
    "mxnet",
    "paddle",
    "pytorch",
    "tensorflow",
    "thinc",
    "timm",
    "tinygrad",
    "torch_libraries",
]
