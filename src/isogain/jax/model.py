"""A function of parameters and inputs as a jaxpr, with its parameters' names: what can be run and watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isogain.errors import InspectError
from isogain.graph import Graph, Node, ParameterUse, assign_roles
from isogain.jax.control import Decisions, decides
from isogain.jax.interpreter import Interpreter
from isogain.jax.known import Known
from isogain.jax.names import parameter_names, path_text

__all__ = ["Traced", "arguments_of", "called", "float_array", "inexact"]

FROZEN = ("batch_stats", "cache", "intermediates")
"""Collections of Flax whose arrays no gradient trains."""


@dataclass
class Traced:
    """The function as a jaxpr of flat parameters and inputs, with the parameters' names."""

    closed: Any
    names: list[str]
    values: list[Any]
    trainable: list[bool]
    inputs: list[Any]
    outputs: Any
    last: Interpreter
    decisions: Decisions
    returned: list[tuple[Any, Known]]

    @staticmethod
    def of(function: Callable[..., Any], params: Any, inputs: Any) -> Traced:
        leaves, tree = jax.tree_util.tree_flatten_with_path(params)
        chosen = [k for k, (_, leaf) in enumerate(leaves) if _is_parameter(leaf)]
        if not chosen:
            raise InspectError(f"params holds no arrays of floating point numbers: {type(params).__name__}")
        names = parameter_names([leaves[k][0] for k in chosen])
        values = [jnp.asarray(leaves[k][1]) for k in chosen]
        positional, named = arguments_of(inputs)
        given, shape = jax.tree_util.tree_flatten((positional, named))
        moving = [k for k, one in enumerate(given) if hasattr(one, "shape")]

        def flat(parameters: list[Any], arrays: list[Any]) -> Any:
            filled = [leaf for _, leaf in leaves]
            for k, one in zip(chosen, parameters, strict=True):
                filled[k] = one
            arguments = list(given)
            for k, one in zip(moving, arrays, strict=True):
                arguments[k] = one
            args, keywords = jax.tree_util.tree_unflatten(shape, arguments)
            return function(jax.tree_util.tree_unflatten(tree, filled), *args, **keywords)

        arrays = [jnp.asarray(given[k]) for k in moving]
        closed, outputs = called(
            lambda: jax.make_jaxpr(flat, return_shape=True)(values, arrays), "the function raised"
        )
        trainable = [not any(word in path_text(leaves[k][0]) for word in FROZEN) for k in chosen]
        return Traced(
            closed, names, values, trainable, arrays, outputs, Interpreter(_as_it_is), Decisions(), []
        )

    def decide(self) -> None:
        """Run on concrete values, to know how often each loop runs and which branch is taken."""
        if decides(self.closed):
            self.run(self.values, self.inputs, _as_it_is, Decisions())
            self.decisions = self.last.decisions

    def followed(self, hook: Any) -> list[Any]:
        """The flat outputs on the present values, branches and loops as those values have them."""
        self.decide()
        return self.run(self.values, self.inputs, hook)

    def run(
        self, parameters: list[Any], arrays: list[Any], hook: Any, decisions: Decisions | None = None
    ) -> list[Any]:
        """The flat outputs, every node's value going through `hook`."""
        rms = {name: _rms(value) for name, value in zip(self.names, self.values, strict=True)}
        self.last = Interpreter(hook, rms, decisions=decisions or Decisions(self.decisions.taken))
        known = [
            (value, Known(parameters=(name,), learnt=True, axes=tuple(range(jnp.ndim(value)))))
            for name, value in zip(self.names, parameters, strict=True)
        ]
        known += [self.last.input(value) for value in arrays]
        self.returned = self.last.run(self.closed, known)
        return [value for value, _ in self.returned]

    def graph(self) -> Graph:
        """The Graph of the last run."""
        users: dict[str, list[int]] = {}
        for node in self.last.nodes:
            for name in node.parameters:
                users.setdefault(name, []).append(node.index)
        uses = tuple(
            ParameterUse(
                name, tuple(value.shape), str(value.dtype), trained, "", (), tuple(users.get(name, ())),
                name in self.last.used, name in self.last.optional,
            )
            for name, value, trained in zip(self.names, self.values, self.trainable, strict=True)
        )  # fmt: skip
        outputs = tuple(dict.fromkeys(one for _, known in self.returned for one in known.nodes))
        return assign_roles(Graph(tuple(self.last.nodes), uses, outputs))


def _is_parameter(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape") and inexact(leaf)


def _as_it_is(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
    return value


def inexact(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, jnp.inexact))


def arguments_of(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs as positional and keyword arguments."""
    if isinstance(inputs, Mapping):
        return (), {str(name): value for name, value in inputs.items()}
    return (tuple(inputs), {}) if isinstance(inputs, tuple) else ((inputs,), {})


def called(run: Callable[[], Any], what: str) -> Any:
    try:
        return run()
    except InspectError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InspectError(f"{what}: {type(error).__name__}: {error}") from error


def float_array(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.name in ("bfloat16", "float16") else array


def _rms(value: Any) -> float:
    return (
        float(np.sqrt(np.mean(np.square(np.abs(float_array(value)), dtype=np.float64))))
        if value.size
        else 0.0
    )
