"""`inspect` for a function of parameters and inputs: one traced forward and backward pass, and the report."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isogain._version import __version__
from isogain.errors import InspectError
from isogain.graph import Graph, Node, ParameterUse, assign_roles
from isogain.inspect import Report, judge
from isogain.inspect.table import Coverage, ParameterState, Table
from isogain.jax.interpreter import Interpreter, Known
from isogain.jax.mending import in_jax
from isogain.jax.names import parameter_names, path_text
from isogain.jax.summaries import backward_summary, forward_summary, parameter_state, unit_summary

__all__ = ["inspect", "measure"]

Loss = Callable[[Any], Any]
FROZEN = ("batch_stats", "cache", "intermediates")
"""Collections of Flax whose arrays no gradient trains."""


def inspect(function: Callable[..., Any], params: Any, inputs: Any, loss: Loss | None = None) -> Report:
    """Return the Report of `function(params, inputs)`: what its signals and gradients do, and why.

    `params` is any tree with arrays in it: Flax variables, an nnx state, an Equinox module, a list.
    `inputs` is an array, a tuple of positional or a dict of keyword arguments after the parameters; `loss`
    takes the output (without it a random projection of the output is differentiated).  The function is
    traced once and its operations are watched one by one: calls are looked into, scans unrolled; nothing
    in it is changed, and no random state is touched.

    Raises InspectError when the function or the loss raises, or has no parameters.

    >>> import jax, jax.numpy as jnp
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> params = [0.3 * jax.random.normal(key, (32, 32)) for key in keys]
    >>> inputs = jax.random.normal(keys[0], (64, 32))
    >>> inspect(lambda p, x: jax.nn.relu(x @ p[0]) @ p[1], params, inputs).verdict
    'healthy'
    """
    return in_jax(judge(measure(function, params, inputs, loss)))


def measure(function: Callable[..., Any], params: Any, inputs: Any, loss: Loss | None = None) -> Table:
    """The Table of everything measured on one forward and one backward pass."""
    model = _Model.of(function, params, inputs)
    signals, gradients, learnt, value = _passes(model, loss)
    interpreter = model.last
    batch = next((int(x.shape[0]) for x in model.inputs if x.ndim), 1)
    forward, backward = {}, {}
    for node, (signal, before) in zip(interpreter.nodes, signals, strict=True):
        if not signal.size:
            continue
        units = unit_summary(before, node.activation, dict(node.settings), node.channel_axis) if (
            node.activation and before is not None
        ) else None  # fmt: skip
        forward[node.index] = forward_summary(signal, batch, units)
        gradient = gradients.get(node.index)
        if gradient is not None and node.kind != "input":
            backward[node.index] = backward_summary(gradient, signal)
    states = _states(model, learnt)
    return Table(
        model.graph(), forward, backward, states, (), _coverage(model, batch), value,
        "random projection" if loss is None else "loss", None, batch, True, _input_distance(model.inputs),
        {"isogain": __version__, "jax": jax.__version__, "python": platform.python_version(),
         "device": str(jax.devices()[0].platform), "inputs": _shapes(model.inputs)},
    )  # fmt: skip


@dataclass
class _Model:
    """The function as a jaxpr of flat parameters and inputs, with the parameters' names."""

    closed: Any
    names: list[str]
    values: list[Any]
    trainable: list[bool]
    inputs: list[Any]
    outputs: Any
    last: Interpreter
    returned: list[tuple[Any, Known]]

    @staticmethod
    def of(function: Callable[..., Any], params: Any, inputs: Any) -> _Model:
        leaves, tree = jax.tree_util.tree_flatten_with_path(params)
        chosen = [k for k, (_, leaf) in enumerate(leaves) if _is_parameter(leaf)]
        if not chosen:
            raise InspectError(f"params holds no arrays of floating point numbers: {type(params).__name__}")
        names = parameter_names([leaves[k][0] for k in chosen])
        values = [jnp.asarray(leaves[k][1]) for k in chosen]
        positional, named = _arguments(inputs)
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
        closed, outputs = _called(
            lambda: jax.make_jaxpr(flat, return_shape=True)(values, arrays), "the function raised"
        )
        trainable = [not any(word in path_text(leaves[k][0]) for word in FROZEN) for k in chosen]
        return _Model(closed, names, values, trainable, arrays, outputs, Interpreter(lambda n, v, b: v), [])

    def run(self, parameters: list[Any], arrays: list[Any], hook: Any) -> list[Any]:
        """The flat outputs, every node's value going through `hook`."""
        rms = {name: _rms(value) for name, value in zip(self.names, self.values, strict=True)}
        self.last = Interpreter(hook, rms)
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
                name in self.last.used,
            )
            for name, value, trained in zip(self.names, self.values, self.trainable, strict=True)
        )  # fmt: skip
        outputs = tuple(dict.fromkeys(one for _, known in self.returned for one in known.nodes))
        return assign_roles(Graph(tuple(self.last.nodes), uses, outputs))


def _passes(model: _Model, loss: Loss | None) -> tuple[list[Any], dict[int, Any], list[Any], float]:
    """Every node's value (and what an activation read), gradients by node and by parameter, the loss."""
    shapes: list[Any] = []

    def shape_of(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
        shapes.append(value)
        return value

    jax.eval_shape(lambda p, x: model.run(p, x, shape_of), model.values, model.inputs)
    probes = {k: jnp.zeros(one.shape, one.dtype) for k, one in enumerate(shapes) if _inexact(one)}

    def scored(parameters: list[Any], probes: dict[int, Any], arrays: list[Any]) -> Any:
        seen: list[Any] = []

        def hook(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
            seen.append((value, before[0] if before and node.activation else None))
            return value + probes[node.index] if node.index in probes else value

        outputs = model.run(parameters, arrays, hook)
        return _score(model, outputs, loss), (seen, outputs)

    run = jax.jit(jax.value_and_grad(scored, argnums=(0, 1), has_aux=True))
    (value, (seen, _)), (learnt, felt) = _called(
        lambda: run(model.values, probes, model.inputs), "the function or the loss raised"
    )
    signals = [(np.asarray(v), None if b is None else _array(b)) for v, b in seen]
    return signals, {k: _array(one) for k, one in felt.items()}, [_array(g) for g in learnt], float(value)


def _score(model: _Model, outputs: list[Any], loss: Loss | None) -> Any:
    if loss is not None:
        tree = jax.tree_util.tree_structure(model.outputs)
        value = jnp.asarray(loss(jax.tree_util.tree_unflatten(tree, outputs)))
        return value if value.ndim == 0 else value.mean()
    generator = np.random.default_rng(0)
    parts = [
        jnp.sum(jnp.real(one) * generator.choice((-1.0, 1.0), one.shape).astype(np.float32))
        / math.sqrt(one.size)
        for one in outputs
        if _inexact(one) and one.size
    ]
    return jnp.asarray(sum(parts), jnp.float32) if parts else jnp.zeros(())


def _states(model: _Model, gradients: list[Any]) -> dict[str, ParameterState]:
    uses = {node.weight.name: node.weight for node in model.last.nodes if node.weight is not None}
    states = {}
    for name, value, gradient, trained in zip(
        model.names, model.values, gradients, model.trainable, strict=True
    ):
        use = uses.get(name)
        words = use.layout.split() if use else []
        plain = (
            use is not None and use.groups == 1 and tuple(value.shape) == use.shape and "lookup" not in words
        )
        axis = len(value.shape) - 1 - words[::-1].index("out") if plain and words.count("out") == 1 else None
        gradient = None if not trained else gradient
        if gradient is not None and name not in model.last.used:
            gradient = None
        states[name] = parameter_state(name, _array(value), gradient, axis, trained)
    return states


def _coverage(model: _Model, batch: int) -> Coverage:
    sizes = {name: int(value.size) for name, value in zip(model.names, model.values, strict=True)}
    seen = {name for node in model.last.nodes for name in node.parameters}
    missed = tuple(sorted(name for name in model.last.used if name in sizes and name not in seen))
    skipped = ["initial-loss: the loss is not looked into"]
    if batch < 2:
        skipped.append("rank-collapse, constant-output: a batch of one cannot show them")
    total = sum(sizes.values())
    return Coverage(
        total, total - sum(sizes[name] for name in missed), model.last.operations,
        sum(node.kind != "input" for node in model.last.nodes), missed, (), tuple(skipped),
    )  # fmt: skip


def _is_parameter(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape") and _inexact(leaf)


def _inexact(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, jnp.inexact))


def _arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), {str(name): value for name, value in inputs.items()}
    return (tuple(inputs), {}) if isinstance(inputs, tuple) else ((inputs,), {})


def _called(run: Callable[[], Any], what: str) -> Any:
    try:
        return run()
    except InspectError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InspectError(f"{what}: {type(error).__name__}: {error}") from error


def _array(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.name in ("bfloat16", "float16") else array


def _rms(value: Any) -> float:
    return float(np.sqrt(np.mean(np.square(np.abs(_array(value)), dtype=np.float64)))) if value.size else 0.0


def _input_distance(inputs: list[Any]) -> float:
    """0 when all samples of every input are the same, else 1."""
    rows = [np.asarray(x) for x in inputs if x.ndim and x.shape[0] > 1]
    return float(any((x[1:] != x[:1]).any() for x in rows)) if rows else math.nan


def _shapes(inputs: list[Any]) -> str:
    return ", ".join(f"{x.dtype} {'×'.join(map(str, x.shape))}" for x in inputs[:6]) or "none"
