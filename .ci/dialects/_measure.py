"""Measures one library's own draws, inside the library's environment; NumPy is all it needs.

python _measure.py paddle        # JSON lines: what each row's law delivers, and the fans counted with ones
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import numpy as np


def moments(values: Any) -> dict[str, Any]:
    """The numbers that a law is judged by."""
    sample = np.asarray(values, dtype=np.complex128 if np.iscomplexobj(values) else np.float64)
    flat = sample.ravel()
    centred = flat - flat.mean()
    square = np.abs(centred) ** 2
    spread = float(square.mean())
    real = flat.real
    return {
        "shape": list(sample.shape),
        "complex": bool(np.iscomplexobj(values)),
        "mean": float(real.mean()),
        "std": spread**0.5,
        "kurtosis": float((square**2).mean() / spread**2) if spread else 0.0,
        "low": float(real.min()),
        "high": float(real.max()),
    }


def measured(module: Any) -> list[dict[str, Any]]:
    """A record for every sample, and one for every count of ones."""
    found = [
        {"row": row, "parameters": parameters, **moments(values)}
        for row, parameters, values in module.samples()
    ]
    counted = module.counts() if hasattr(module, "counts") else ()
    for row, shape, use, inputs, outputs in counted:
        found.append(
            {"row": row, "shape": list(shape), "use": use, "fan_in": float(inputs), "fan_out": float(outputs)}
        )
    return found


if __name__ == "__main__":
    print(json.dumps(measured(importlib.import_module(sys.argv[1])), ensure_ascii=False))
