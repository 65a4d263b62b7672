"""Keras models on the JAX backend: their call as a function of a dictionary of arrays by Keras' paths."""

from __future__ import annotations

import inspect as signatures
from collections.abc import Mapping
from typing import Any

import jax
import keras

from isogain.errors import InspectError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Receipt
from isogain.inspect import Report, judge
from isogain.inspect.fixes import Dialect
from isogain.jax.inspection import measure
from isogain.jax.mending import JAX, mend, with_fixes
from isogain.jax.model import Traced
from isogain.jax.modules import Taken
from isogain.jax.planning import planned
from isogain.jax.starting import started
from isogain.keras.paths import built, geometries, name_of

__all__ = ["init_", "inspect", "mend_", "plan"]

KERAS = Dialect(
    "",
    {
        verb: line.replace("params = isogain.jax.mend(params, ", "igk.mend_(model, ")
        for verb, line in JAX.verbs.items()
    }
    | {"restart": "igk.init_(model, inputs)"},
)


def inspect(model: Any, inputs: Any, loss: Any, *, training: bool) -> Report:
    """`isogain.jax.inspect` of the model's call."""
    about = _taken(model, inputs, loss, training)

    def look(parameters: Any, batch: Any, asked: Any) -> Report:
        return judge(measure(about.function, parameters, batch, asked))

    def restarted() -> Any:
        return started(about, 0, exclude=(), recipe="default", keep_healthy=True, options={},
                       declared=_declared(model))[0]  # fmt: skip

    return with_fixes(about.params, about.inputs, about.loss, look, KERAS, restarted)


def plan(model: Any, inputs: Any, *, exclude: Any = (), recipe: str = "default", **options: Any) -> Plan:
    """`isogain.jax.plan` of the model's call."""
    about = _taken(model, inputs, None, True)
    traced = Traced.of(*about.arguments())
    declared = _declared(model)
    return planned(traced, about.name, exclude=exclude, recipe=recipe, options=options, declared=declared)[0]


def init_(
    model: Any, inputs: Any, seed: int, *, loss: Any, exclude: Any = (), recipe: str = "default",
    keep_healthy: bool = True, **options: Any,
) -> Receipt:  # fmt: skip
    """`isogain.jax.init` of the model's call, written into its variables."""
    about = _taken(model, inputs, loss, True)
    params, receipt = started(
        about, seed, exclude=exclude, recipe=recipe, keep_healthy=keep_healthy, options=options,
        declared=_declared(model),
    )  # fmt: skip
    _assign(model, params)
    return receipt


def mend_(model: Any, **changes: Any) -> None:
    """`isogain.jax.mend` of the model's variables, in place."""
    _assign(model, mend(_values(model), **changes))


def _taken(model: Any, inputs: Any, loss: Any, training: bool) -> Taken:
    given = jax.tree_util.tree_map(keras.ops.convert_to_tensor, inputs)
    built(model, given)
    fixed = [variable.value for variable in model.non_trainable_variables]
    names = [name_of(variable, model) for variable in model.trainable_variables]
    mode = {"training": training} if "training" in signatures.signature(model.call).parameters else {}

    def function(params: Mapping[str, Any], *positional: Any, **named: Any) -> Any:
        values = [params[name] for name in names]
        return model.stateless_call(values, fixed, *positional, **mode, **named)[0]

    return Taken(function, _values(model), given, loss, type(model).__name__)


def _values(model: Any) -> dict[str, Any]:
    found = {name_of(variable, model): variable.value for variable in model.trainable_variables}
    if len(found) < len(model.trainable_variables):
        raise InspectError("two weights of the model have the same path: give its layers names of their own")
    return found


def _declared(model: Any) -> dict[str, dict[str, Any]]:
    names = {id(variable): name_of(variable, model) for variable in model.trainable_variables}
    return dict(geometries(model, names))


def _assign(model: Any, params: Mapping[str, Any]) -> None:
    for variable in model.trainable_variables:
        variable.assign(params[name_of(variable, model)])
