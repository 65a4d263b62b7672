"""Theory that predicts what a network's first signals will do, before a single run."""

from __future__ import annotations

from isogain.theory.critical import CriticalPoint, critical_point
from isogain.theory.mirrored import Mirrored, mirrored
from isogain.theory.pairs import TheoryError, cross_moment
from isogain.theory.prediction import LayerPrediction, Prediction, predict

__all__ = [
    "CriticalPoint",
    "LayerPrediction",
    "Mirrored",
    "Prediction",
    "TheoryError",
    "critical_point",
    "cross_moment",
    "mirrored",
    "predict",
]
