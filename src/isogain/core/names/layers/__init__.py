"""What the layers of PyTorch, Keras and the JAX libraries start from, parameter by parameter.

Other frameworks' layers stand beside their initializers in `names.dialects`.
"""

from isogain.core.names.layers import jax, keras, pytorch

__all__ = ["jax", "keras", "pytorch"]
