"""The digits that come along with scikit-learn, packed into text for the page."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy as np

from isogain.errors import DataError

__all__ = ["packed"]


@cache
def packed() -> dict[str, Any] | None:
    """Pixels (0 to 16, one byte each) and labels, training images first; None without scikit-learn."""
    from isogain.lab.datasets import load

    try:
        found = load("digits")
    except DataError:
        return None
    pixels = np.concatenate([found.train_inputs, found.test_inputs]).astype(np.uint8)
    labels = np.concatenate([found.train_labels, found.test_labels])
    return {
        "pixels": base64.b64encode(pixels.tobytes()).decode(),
        "labels": "".join(map(str, labels.tolist())),
        "train": len(found.train_labels),
    }
