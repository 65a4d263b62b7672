"""Theory that predicts what a network's first signals will do, before a single run.

Moments and maps (`cross_moment`, `MeanField`), where they stand still (`critical_point`), what follows
for one network (`predict`) or all of them (`phase_diagram`), and what to choose (`advise`).
"""

from __future__ import annotations

from isogain.theory.advice import Advice, advise
from isogain.theory.answers import Answer
from isogain.theory.critical import CriticalPoint, critical_point, edge_of_chaos
from isogain.theory.deep_start import DeepStart, deep_start
from isogain.theory.maps import FixedPoint, MeanField
from isogain.theory.mirrored import Mirrored, mirrored, odd_part
from isogain.theory.pairs import TheoryError, cross_moment
from isogain.theory.phase import PhaseDiagram, phase_diagram
from isogain.theory.prediction import LayerPrediction, Prediction, predict
from isogain.theory.rates import RateRange, stack_rates
from isogain.theory.situation import Choice, Situation

__all__ = [
    "Advice",
    "Answer",
    "Choice",
    "CriticalPoint",
    "DeepStart",
    "FixedPoint",
    "LayerPrediction",
    "MeanField",
    "Mirrored",
    "PhaseDiagram",
    "Prediction",
    "RateRange",
    "Situation",
    "TheoryError",
    "advise",
    "critical_point",
    "cross_moment",
    "deep_start",
    "edge_of_chaos",
    "mirrored",
    "odd_part",
    "phase_diagram",
    "predict",
    "stack_rates",
]
