"""`inspect` for a function of parameters and inputs: one traced forward and backward pass, and the report."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isogain._version import __version__
from isogain.graph import Node, WeightUse
from isogain.inspect import Report, judge
from isogain.inspect.slices import Slices, slices_of
from isogain.inspect.table import Coverage, LossUse, ParameterState, Table
from isogain.jax.losses import loss_use
from isogain.jax.mending import with_fixes
from isogain.jax.model import Traced, called, float_array, inexact
from isogain.jax.modules import taken
from isogain.jax.ranks import RANKED
from isogain.jax.summaries import backward_summary, forward_summary, parameter_state, unit_summary

__all__ = ["inspect", "measure"]

Loss = Callable[[Any], Any]


def inspect(function: Any, params: Any, inputs: Any = None, loss: Loss | None = None) -> Report:
    """Return the Report of `function(params, inputs)`: what its signals and gradients do, and why.

    A module of Flax NNX or Equinox holds its parameters: `inspect(module, inputs, loss)`, the layers of
    Equinox being mapped over the batch where they take one example.  A module of Flax Linen stands for its
    `apply`.

    `params` is any tree with arrays in it: Flax variables, an nnx state, an Equinox module, a list.
    `inputs` is an array, a tuple of positional or a dict of keyword arguments after the parameters; `loss`
    takes the output (without it a random projection of the output is differentiated).  The function is
    traced once and its operations are watched one by one: calls are looked into, scans and loops followed
    round by round, of branches the one taken; nothing in it is changed, and no random state is touched.

    Raises InspectError when the function or the loss raises, or has no parameters.

    >>> import jax, jax.numpy as jnp
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> params = [0.3 * jax.random.normal(key, (32, 32)) for key in keys]
    >>> inputs = jax.random.normal(keys[0], (64, 32))
    >>> inspect(lambda p, x: jax.nn.relu(x @ p[0]) @ p[1], params, inputs).verdict
    'healthy'
    """

    about = taken(function, params, inputs, loss)

    def look(parameters: Any, batch: Any, asked: Any) -> Report:
        return judge(measure(about.function, parameters, batch, asked))

    return with_fixes(about.params, about.inputs, about.loss, look)


def measure(function: Callable[..., Any], params: Any, inputs: Any, loss: Loss | None = None) -> Table:
    """The Table of everything measured on one forward and one backward pass."""
    model = Traced.of(function, params, inputs)
    signals, gradients, learnt, value, predictions = _passes(model, loss)
    losses = _losses(model, loss, predictions)
    interpreter = model.last
    batch = next((int(x.shape[0]) for x in model.inputs if x.ndim), 1)
    forward, backward = {}, {}
    for node, (signal, before) in zip(interpreter.nodes, signals, strict=True):
        if not signal.size:
            continue
        units = unit_summary(before, node.activation, dict(node.settings), node.channel_axis) if (
            node.activation and before is not None
        ) else None  # fmt: skip
        axis = node.channel_axis if node.kind in RANKED else None
        forward[node.index] = forward_summary(signal, batch, units, axis)
        gradient = gradients.get(node.index)
        if gradient is not None and node.kind != "input":
            backward[node.index] = backward_summary(gradient, signal)
    states = _states(model, learnt)
    return Table(
        model.graph(), forward, backward, states, losses, _coverage(model, batch, losses, loss), value,
        _source(model, loss), None, batch, True, _input_distance(model.inputs),
        {"isogain": __version__, "jax": jax.__version__, "python": platform.python_version(),
         "device": str(jax.devices()[0].platform), "inputs": _shapes(model.inputs)},
    )  # fmt: skip


def _passes(
    model: Traced, loss: Loss | None
) -> tuple[list[Any], dict[int, Any], list[Any], float, list[Any]]:
    """Every node's value (and what an activation read), gradients by node and parameter, loss, outputs."""
    shapes: list[Any] = []

    def shape_of(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
        shapes.append(value)
        return value

    called(model.decide, "the function raised")
    jax.eval_shape(lambda p, x: model.run(p, x, shape_of), model.values, model.inputs)
    probes = {k: jnp.zeros(one.shape, one.dtype) for k, one in enumerate(shapes) if inexact(one)}

    def scored(parameters: list[Any], probes: dict[int, Any], arrays: list[Any]) -> Any:
        seen: list[Any] = []

        def hook(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
            seen.append((value, before[0] if before and node.activation else None))
            return value + probes[node.index] if node.index in probes else value

        outputs = model.run(parameters, arrays, hook)
        return _score(model, outputs, loss), (seen, outputs)

    run = jax.jit(jax.value_and_grad(scored, argnums=(0, 1), has_aux=True))
    (value, (seen, outputs)), (learnt, felt) = called(
        lambda: run(model.values, probes, model.inputs), "the function or the loss raised"
    )
    signals = [(np.asarray(v), None if b is None else float_array(b)) for v, b in seen]
    return (
        signals,
        {k: float_array(one) for k, one in felt.items()},
        [float_array(g) for g in learnt],
        float(value),
        outputs,
    )


def _score(model: Traced, outputs: list[Any], loss: Loss | None) -> Any:
    if loss is not None:
        return jnp.mean(jnp.asarray(loss(_unflattened(model, outputs))))
    moving = [one for one in outputs if inexact(one) and one.size]
    if _is_scalar(moving):
        return jnp.real(moving[0]).reshape(())
    generator = np.random.default_rng(0)
    parts = [
        jnp.sum(jnp.real(one) * generator.choice((-1.0, 1.0), one.shape).astype(np.float32))
        / math.sqrt(one.size)
        for one in moving
    ]
    return jnp.asarray(sum(parts), jnp.float32) if parts else jnp.zeros(())


def _unflattened(model: Traced, outputs: list[Any]) -> Any:
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(model.outputs), outputs)


def _is_scalar(moving: list[Any]) -> bool:
    """Whether all that a function returns is one number: its own loss."""
    return len(moving) == 1 and moving[0].size == 1


def _source(model: Traced, loss: Loss | None) -> str:
    moving = [one for one, _ in model.returned if inexact(one) and one.size]
    return "loss" if loss is not None else "output.loss" if _is_scalar(moving) else "random projection"


def _losses(model: Traced, loss: Loss | None, outputs: list[Any]) -> tuple[LossUse, ...]:
    """What the caller's loss costs, where the function returns one array for it."""
    moving = [place for place, one in enumerate(outputs) if inexact(one) and one.size]
    if loss is None or len(moving) != 1:
        return ()

    def of(prediction: Any) -> Any:
        given = [prediction if k == moving[0] else one for k, one in enumerate(outputs)]
        return loss(_unflattened(model, given))

    found = loss_use(of, outputs[moving[0]])
    return () if found is None else (found,)


def _states(model: Traced, gradients: list[Any]) -> dict[str, ParameterState]:
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
        state = parameter_state(name, float_array(value), gradient, axis, trained)
        states[name] = replace(state, slices=_stacked(value, gradient, use))
    return states


def _stacked(value: Any, gradient: Any, use: WeightUse | None) -> Slices | None:
    """The Slices of a parameter that a scan or vmap reads one by one, or experts read at once."""
    if use is None or value.ndim < 3 or "lookup" in use.layout:
        return None
    parallel = use.layout.startswith("stack") and use.shape[0] == value.shape[0]
    if not parallel and use.shape != tuple(value.shape[1:]):
        return None
    array = float_array(value)
    return None if array.dtype.kind == "c" else slices_of(array, gradient, parallel)


def _coverage(model: Traced, batch: int, losses: tuple[LossUse, ...], loss: Loss | None) -> Coverage:
    sizes = {name: int(value.size) for name, value in zip(model.names, model.values, strict=True)}
    seen = {name for node in model.last.nodes for name in node.parameters}
    missed = tuple(sorted(name for name in model.last.used if name in sizes and name not in seen))
    skipped = []
    if not losses:
        way_out = "give the function of the predictions, and loss= of them" if loss is None else (
            "it is of no kind whose chance level is known, or reads several outputs"
        )  # fmt: skip
        skipped.append(f"initial-loss: {way_out}")
    if batch < 2:
        skipped.append("rank-collapse, constant-output: a batch of one cannot show them")
    total = sum(sizes.values())
    return Coverage(
        total, total - sum(sizes[name] for name in missed), model.last.operations,
        sum(node.kind != "input" for node in model.last.nodes), missed,
        tuple(dict.fromkeys(model.last.unfollowed)), tuple(skipped),
    )  # fmt: skip


def _input_distance(inputs: list[Any]) -> float:
    """0 when all samples of every input are the same, else 1."""
    rows = [np.asarray(x) for x in inputs if x.ndim and x.shape[0] > 1]
    return float(any((x[1:] != x[:1]).any() for x in rows)) if rows else math.nan


def _shapes(inputs: list[Any]) -> str:
    return ", ".join(f"{x.dtype} {'×'.join(map(str, x.shape))}" for x in inputs[:6]) or "none"
