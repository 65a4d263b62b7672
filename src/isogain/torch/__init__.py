"""isogain for PyTorch: torch.nn.init's functions by name, drawn exactly, fast and reproducibly.

import isogain.torch as igt
igt.kaiming_normal_(layer.weight, nonlinearity="relu", seed=0, path="encoder.0.weight")
"""

from isogain.inspect import Report
from isogain.torch.compare import compare
from isogain.torch.fill import fill_
from isogain.torch.init import (
    calculate_gain,
    constant_,
    dirac_,
    eye_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    ones_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from isogain.torch.inspection import inspect
from isogain.torch.materialize import Filling, materialize_
from isogain.torch.monitor import HuggingFaceMonitor, LightningMonitor, Monitor

__all__ = [
    "Filling",
    "HuggingFaceMonitor",
    "LightningMonitor",
    "Monitor",
    "Report",
    "calculate_gain",
    "compare",
    "constant_",
    "dirac_",
    "eye_",
    "fill_",
    "inspect",
    "kaiming_normal_",
    "kaiming_uniform_",
    "materialize_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
