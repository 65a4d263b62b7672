"""isogain for Keras 3, on its JAX, torch and TensorFlow backends: initializers that know their layer.

`inspect`, `plan` and `init_` look inside models on the torch and JAX backends.
"""

from isogain.extras import require

require("keras", "isogain.keras")

from isogain.keras import initializers
from isogain.keras.initializer import IsogainInitializer, to_keras
from isogain.keras.models import init_, inspect, mend_, parameter, plan
from isogain.keras.tensorflow1 import to_tf1

__all__ = [
    "IsogainInitializer",
    "init_",
    "initializers",
    "inspect",
    "mend_",
    "parameter",
    "plan",
    "to_keras",
    "to_tf1",
]


def __dir__() -> list[str]:
    return sorted(__all__)
