"""Every framework's own names, arguments, fan rule and truncation, defects included.

One module a framework; importing this package puts their rows in the catalog.
"""

from isogain.core.names.dialects import caffe, jax, keras, mxnet, pytorch, tensorflow, timm

__all__ = ["caffe", "jax", "keras", "mxnet", "pytorch", "tensorflow", "timm"]
