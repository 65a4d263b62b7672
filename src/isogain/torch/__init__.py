"""isogain for PyTorch: torch.nn.init's functions by name, drawn exactly, fast and reproducibly.

import isogain.torch as igt
igt.kaiming_normal_(layer.weight, nonlinearity="relu", seed=0, path="encoder.0.weight")
"""

from isogain.extras import require

require("torch", "isogain.torch")

from isogain.graph.entry import Entry
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report
from isogain.theory.rates import RateRange
from isogain.torch.draw.fill import fill_
from isogain.torch.draw.init import (
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
from isogain.torch.draw.materialize import Filling
from isogain.torch.inspection.identifying import identify
from isogain.torch.mending.proving import inspect
from isogain.torch.own.deferring import deferred
from isogain.torch.own.drawn import drawn
from isogain.torch.own.planning import own_plan
from isogain.torch.start.apply import apply_
from isogain.torch.start.compare import compare
from isogain.torch.start.lsuv import lsuv_
from isogain.torch.start.materializing import materialize_
from isogain.torch.start.planning import plan
from isogain.torch.start.ramp import rate_range
from isogain.torch.start.starting import init_
from isogain.torch.training.coordinates import coordinate_check
from isogain.torch.training.monitor import HuggingFaceMonitor, LightningMonitor, Monitor
from isogain.torch.trial.result import Trial
from isogain.torch.trial.trying import trial

__all__ = [
    "Entry",
    "Filling",
    "HuggingFaceMonitor",
    "LightningMonitor",
    "Monitor",
    "Plan",
    "RateRange",
    "Receipt",
    "Report",
    "Trial",
    "apply_",
    "calculate_gain",
    "compare",
    "constant_",
    "coordinate_check",
    "deferred",
    "dirac_",
    "drawn",
    "eye_",
    "fill_",
    "identify",
    "init_",
    "inspect",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lsuv_",
    "materialize_",
    "normal_",
    "ones_",
    "orthogonal_",
    "own_plan",
    "plan",
    "rate_range",
    "sparse_",
    "trial",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def __dir__() -> list[str]:
    return sorted(__all__)
