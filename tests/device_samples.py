"""Draws by the device's kernel in Triton's interpreter, on CPU tensors, beside the host's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import interpreted  # noqa: F401  (Triton's interpreter, quicker)
from isogain.core.values.distributions import Law
from isogain.drawing import engine
from isogain.drawing.dtypes import Dtype
from isogain.drawing.key import Key
from isogain.drawing.recipe import recipe_for
from isogain.drawing.regions import Region
from isogain.torch.device import choice, launch
from isogain.torch.device.host import as_array


def both(law: Law, dtype: str, key: Key, region: Region) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(the kernel's, the host's) numbers of a region, as they are stored; the kernel's between two guards."""
    target = Dtype.of(dtype)
    recipe = recipe_for(law, target)
    expected = np.empty(region.size, target.storage)
    engine.fill(expected, key, recipe, region)
    guarded = torch.full((region.size + 32,), -7.0, dtype=getattr(torch, dtype))
    launch.fill(guarded[16:-16], key, recipe, region)
    assert bool((guarded[:16] == -7).all() and (guarded[-16:] == -7).all())
    return as_array(guarded[16:-16]), expected


def same(law: Law, dtype: str, key: Key, region: Region) -> bool:
    """Whether they agree in every bit."""
    found, expected = both(law, dtype, key, region)
    return found.tobytes() == expected.tobytes()


@contextmanager
def served_on_the_cpu(tried: bool = False, **constants: Any) -> Iterator[None]:
    """CPU tensors as if they lay on a device that Triton serves; constants of `choice` changed while inside.

    Unless it is to be tried first, as on a device, the kernel is trusted.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "_SERVED", {"cpu"})
        if not tried:
            patch.setattr(choice, "_trusted", lambda *_: True)
        for name, value in constants.items():
            patch.setattr(choice, name, value)
        choice._verdicts.cache_clear()
        yield
    choice._verdicts.cache_clear()
