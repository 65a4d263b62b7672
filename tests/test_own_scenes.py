"""Looking for a model's parts in dictionaries that grow while they are looked at."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from isogain.torch.own.scenes import Held  # noqa: E402


class Growing:
    """A value that puts another one beside itself when its attributes are asked for, as lazy modules do."""

    def __init__(self, beside):
        object.__setattr__(self, "beside", beside)

    def __getattribute__(self, name):
        beside = object.__getattribute__(self, "beside")
        beside[f"loaded {len(beside)}"] = 0
        return object.__getattribute__(self, name)


def test_a_dictionary_that_grows_meanwhile():
    model, values = nn.Linear(2, 2), {}
    values |= {"lazy": Growing(values), "weight": None}
    parts = Held(model)
    assert not parts.has_part(values)
    values["weight"] = model.weight
    assert parts.has_part(values)
