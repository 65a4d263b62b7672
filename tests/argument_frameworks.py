"""The subjects of `argument_calls` that need PyTorch, JAX or Keras."""

from __future__ import annotations

import inspect
import json
from typing import Any

import jax
import keras
import torch
from torch import nn

import isogain as ig
import isogain.torch as igt
from argument_calls import Subject
from isogain.jax import draw_sharded, to_haiku, to_jax
from isogain.keras import to_keras, to_tf1

DROP_INS = (
    "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_", "sparse_",
    "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
)  # fmt: skip
NEEDED = {"val": 0.5, "sparsity": 0.5}


def framework_subjects() -> list[Subject]:
    """Functions that take tensors, models and plans; and adapters."""
    return [*_drop_ins(), *_models(), *_plans(), *_adapters()]


def _drop_ins() -> list[Subject]:
    found = []
    for name in DROP_INS:
        function = getattr(igt, name)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        good = {one.name: NEEDED.get(one.name, one.default) for one in parameters}
        tensor = torch.empty((4, 4, 3) if name == "dirac_" else (4, 4))
        found.append(Subject(name, function, {"tensor": tensor, **good}))
    gain = {"nonlinearity": "leaky_relu", "param": 0.1}
    fill = {
        "seed": 0,
        "path": "w",
        "layout": "out in",
        "groups": 1,
        "stride": 1,
        "transposed": False,
        "threads": 1,
    }
    return [
        *found,
        Subject("calculate_gain", igt.calculate_gain, gain),
        Subject("fill_", igt.fill_, {"tensor": torch.empty(4, 4), "init": "he_normal", **fill}),
    ]


def _models() -> list[Subject]:
    def materialize(model: Any, weight: Any, bias: Any, **settings: Any) -> Any:
        return igt.materialize_(model, {"weight": weight, "bias": bias}, **settings)

    def filling(**fields: Any) -> Any:
        return igt.materialize_(nn.Linear(4, 3), {"weight": igt.Filling(**fields), "bias": 0.0}, seed=0)

    usual = {"seed": 0, "device": None, "threads": 1}
    kept = {"layout": "out in", "groups": 1, "stride": 1, "transposed": False}
    choices = {"weight": 1.0, "bias": 0.0}
    return [
        Subject("materialize_", igt.materialize_, {"model": nn.Linear(4, 3), "choices": choices, **usual}),
        Subject(
            "materialize_", materialize, {"model": nn.Linear(4, 3), "weight": "zeros", "bias": 0.0, **usual}
        ),
        Subject("Filling", filling, {"init": "he_normal", **kept}),
    ]


def _plans() -> list[Subject]:
    entry = igt.Entry("fc.weight", (4, 3), ig.Normal(), "hidden weight", "found", "out in")
    whole = json.loads(igt.Plan("Net", [entry]).to_json())

    def plan() -> igt.Plan:
        return igt.Plan("Net", [entry])

    def edit(path: Any, initializer: Any) -> None:
        plan()[path] = initializer

    def groups(**given: Any) -> Any:
        return igt.Plan("Net", []).param_groups(**given)

    def read(**content: Any) -> Any:
        return igt.Plan.from_json(json.dumps({name: _plain(value) for name, value in content.items()}))

    def read_entry(**content: Any) -> Any:
        return igt.Entry.from_dict(content)

    return [
        Subject("plan[]=", edit, {"path": "fc.weight", "initializer": "zeros"}),
        Subject("plan[]", lambda path: plan()[path], {"path": "fc.weight"}),
        Subject(
            "override", lambda **given: plan().override(**given), {"pattern": "*", "initializer": "zeros"}
        ),
        Subject(
            "param_groups",
            groups,
            {"lr": 0.1, "optimizer": "adam", "weight_decay": 0.1, "eps": 1e-8, "model": nn.Sequential()},
        ),
        Subject("Plan.from_json", igt.Plan.from_json, {"text": plan().to_json()}),
        Subject("Plan.from_json", read, whole),
        Subject("Entry.from_dict", igt.Entry.from_dict, {"data": entry.to_dict()}),
        Subject(
            "Entry.from_dict", read_entry, {**entry.to_dict(), "aliases": [], "originals": [], "rates": {}}
        ),
    ]


def _plain(value: Any) -> Any:
    """The value, where JSON can hold it."""
    try:
        json.dumps(value)
    except Exception:
        return type(value).__name__
    return value


def _adapters() -> list[Subject]:
    use = {"layout": "in out", "groups": 1, "stride": 1, "transposed": False, "seed": 0, "path": "w"}
    key, one = jax.random.key(0), jax.sharding.SingleDeviceSharding(jax.devices()[0])

    def called(shape: Any, dtype: Any) -> Any:
        return to_jax("he_normal")(key, shape, dtype)

    def built(**given: Any) -> Any:
        return to_keras("he_normal", **given)((4, 3), "float32")

    keras.utils.set_random_seed(0)
    return [
        Subject("to_jax", to_jax, {"initializer": "he_normal", **use, "dtype": "float32"}),
        Subject("to_jax()", called, {"shape": (4, 3), "dtype": "float32"}, 50),
        Subject("to_haiku", to_haiku, {"initializer": "he_normal", **use, "dtype": "float32"}),
        Subject(
            "draw_sharded",
            draw_sharded,
            {
                "init": "he_normal",
                "shape": (4, 3),
                "sharding": one,
                "seed": 0,
                "path": "w",
                "dtype": "float32",
                "layout": "in out",
                "groups": 1,
            },
            50,
        ),
        Subject("to_keras", to_keras, {"initializer": "he_normal", **use}),
        Subject("to_keras()", built, use, 5),
        Subject("to_tf1", to_tf1, {"initializer": "he_normal", **use, "dtype": "float32"}),
    ]
