"""isogain for PyTorch: torch.nn.init's functions by name, drawn exactly, fast and reproducibly.

import isogain.torch as igt
igt.kaiming_normal_(layer.weight, nonlinearity="relu", seed=0, path="encoder.0.weight")
"""

from isogain.graph.plan import Entry, Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report
from isogain.torch.apply import apply_
from isogain.torch.compare import compare
from isogain.torch.coordinates import coordinate_check
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
from isogain.torch.lsuv import lsuv_
from isogain.torch.materialize import Filling, materialize_
from isogain.torch.monitor import HuggingFaceMonitor, LightningMonitor, Monitor
from isogain.torch.planning import plan
from isogain.torch.starting import init_

__all__ = [
    "Entry",
    "Filling",
    "HuggingFaceMonitor",
    "LightningMonitor",
    "Monitor",
    "Plan",
    "Receipt",
    "Report",
    "apply_",
    "calculate_gain",
    "compare",
    "constant_",
    "coordinate_check",
    "dirac_",
    "eye_",
    "fill_",
    "init_",
    "inspect",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lsuv_",
    "materialize_",
    "normal_",
    "ones_",
    "orthogonal_",
    "plan",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
