"""Spectral norms on meta without a record: weight and vectors as torch's own registration leaves them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

import isogain.torch as igt
from isogain.errors import DrawError
from test_own_bare import assert_same_as_deferred, bare


class Before(nn.Module):
    """Writes before the norm is put on: the vectors are of that weight."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        nn.init.orthogonal_(self.layer.weight)
        self.layer = spectral_norm(self.layer)


class Unknown(nn.Module):
    """The same by a number that is kept nowhere."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        layer = nn.Linear(5, 5)
        nn.init.orthogonal_(layer.weight, gain)
        self.layer = spectral_norm(layer)


@pytest.mark.parametrize("build", [
    lambda: spectral_norm(nn.Linear(5, 4)),
    lambda: nn.Sequential(spectral_norm(nn.ConvTranspose2d(3, 4, 3), n_power_iterations=2), nn.ReLU()),
    Before,
], ids=["Linear", "ConvTranspose2d", "a class"])  # fmt: skip
def test_a_spectral_norm_starts_as_its_registration_does(build: Callable[[], nn.Module]) -> None:
    assert_same_as_deferred(build)


def test_the_vectors_are_those_of_the_weight() -> None:
    model = igt.materialize_(bare(lambda: spectral_norm(nn.Linear(6, 4))), seed=3).eval()
    chain = model.parametrizations.weight
    u, v, largest = chain[0]._u, chain[0]._v, torch.linalg.matrix_norm(chain.original, 2)
    assert float(u @ chain.original @ v) == pytest.approx(float(largest), rel=1e-2)
    assert float(torch.linalg.matrix_norm(model.weight, 2)) == pytest.approx(1.0, rel=1e-2)


def test_what_a_class_wrote_before_its_norm_and_does_not_keep_is_refused() -> None:
    with pytest.raises(DrawError, match=r"layer\.parametrizations\.weight\.0\._u"):
        igt.materialize_(bare(partial(Unknown, 0.5)), seed=0)
