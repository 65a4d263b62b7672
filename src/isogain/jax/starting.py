"""`init`, `init_` and `apply`: a tree of parameters, or a module, started by its plan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isogain.checking import shown
from isogain.core.geometry.layout import implied
from isogain.drawing import draw
from isogain.errors import InspectError
from isogain.graph import Node
from isogain.graph.depth import hurts
from isogain.graph.entry import Entry, PlanError
from isogain.graph.plan import Plan
from isogain.graph.receipt import Gain, Receipt, Written
from isogain.graph.recipes import check_options
from isogain.graph.recipes.typed import RecipeName
from isogain.graph.rules.registry import DEFAULT, rules_of
from isogain.inspect import Report, judge
from isogain.jax.inspection import measure
from isogain.jax.model import Traced, called, float_array
from isogain.jax.modules import Taken, library_of, taken
from isogain.jax.names import parameter_names
from isogain.jax.planning import planned

__all__ = ["apply", "init", "init_", "started"]


def apply(params: Any, plan: Plan, seed: int = 0) -> Any:
    """A copy of a tree of parameters with the plan's draws in it; what the plan keeps is as it was.

    Values are the bits of `ig.draw(initializer, shape, layout=..., seed=seed, path=path)`, in each array's
    dtype and on its devices; of sharded arrays every device's part is drawn by itself.

    Raises PlanError, naming every path, for a plan that does not fit the tree.

    >>> import jax.numpy as jnp
    >>> from isogain.jax import plan
    >>> params = {"head": jnp.ones((8, 4))}
    >>> made = plan(lambda p, x: x @ p["head"], params, jnp.ones((16, 8)))
    >>> apply(params, made, seed=1)["head"].shape
    (8, 4)
    """
    if not isinstance(plan, Plan):
        raise PlanError(f"plan must be a Plan, as isogain.jax.plan makes it, got {shown(plan)}")
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    names = parameter_names([path for path, _ in leaves])
    found = {name: leaf for name, (_, leaf) in zip(names, leaves, strict=True) if name in plan}
    problems = [f"{path} is in the plan but not in the tree" for path in plan if path not in found]
    problems += [
        f"{path} has shape {tuple(jnp.shape(leaf))}, the plan {plan[path].shape}"
        for path, leaf in found.items()
        if tuple(jnp.shape(leaf)) != plan[path].shape
    ]
    if problems:
        raise PlanError(f"nothing was drawn: {'; '.join(problems)}")
    drawn = {name: _drawn(plan[name], leaf, seed) for name, leaf in found.items() if not plan[name].kept}
    return jax.tree_util.tree_unflatten(
        tree, [drawn.get(name, leaf) for name, (_, leaf) in zip(names, leaves, strict=True)]
    )


def _drawn(entry: Entry, leaf: Any, seed: int) -> Any:
    assert entry.initializer is not None
    law, layout, dtype = entry.initializer, implied(entry.layout), jnp.result_type(leaf)

    def part(index: tuple[slice, ...] | None = None) -> Any:
        return draw(
            law, entry.shape, region=index, layout=layout, groups=entry.groups, stride=entry.stride,
            transposed=entry.transposed, seed=seed, path=entry.drawn_as or entry.path, dtype=dtype.name,
        )  # fmt: skip

    sharding = getattr(leaf, "sharding", None)
    if isinstance(sharding, jax.sharding.Sharding) and len(sharding.device_set) > 1:
        return jax.make_array_from_callback(entry.shape, sharding, part)
    return jnp.asarray(part())


def init(
    function: Any,
    params: Any,
    inputs: Any = None,
    seed: int = 0,
    *,
    loss: Any = None,
    exclude: str | Sequence[str] = (),
    recipe: RecipeName | str = DEFAULT,
    keep_healthy: bool = True,
    **options: Any,
) -> tuple[Any, Receipt]:
    """New parameters that start as well as theory allows, and the Receipt; what was given stays as it was.

    `init(function, params, inputs)` gives a tree like `params`, `init(module, inputs)` a module for one of
    Equinox; for Flax NNX see `init_`.  The plan is made from one watched pass and drawn, keyed by seed and
    path; in a second pass every weight whose output misses the plan's size is scaled as it runs.  A start
    that is healthy by `inspect` and not hurt by its depth is left as it is, and so is one of which the plan's
    has more findings (`receipt.left` says so); `keep_healthy=False` draws all the same.

    Raises PlanError or InspectError where it cannot be planned or run.

    >>> import jax, jax.numpy as jnp
    >>> params = [0.01 * jax.random.normal(jax.random.key(k), (32, 32)) for k in range(3)]
    >>> def net(p, x):
    ...     return jax.nn.relu(jax.nn.relu(x @ p[0]) @ p[1]) @ p[2]
    >>> started, receipt = init(net, params, jax.random.normal(jax.random.key(9), (64, 32)))
    >>> [f"{float(jnp.std(w)):.2f}" for w in params], round(receipt.gains[-1].after, 1)
    (['0.01', '0.01', '0.01'], 0.3)
    """
    about = taken(function, params, inputs, loss)
    if about.module is not None:
        raise InspectError(
            "a module of Flax NNX is started in place: init_(module, inputs), which gives the Receipt"
        )
    return started(about, seed, exclude=exclude, recipe=recipe, keep_healthy=keep_healthy, options=options)


def init_(
    module: Any,
    inputs: Any,
    seed: int = 0,
    *,
    loss: Any = None,
    exclude: str | Sequence[str] = (),
    recipe: RecipeName | str = DEFAULT,
    keep_healthy: bool = True,
    **options: Any,
) -> Receipt:
    """Start a module of Flax NNX as well as theory allows, in place; return the Receipt.  See `init`.

    Raises InspectError for anything else: trees and Equinox's modules are not changed in place.

    >>> from flax import nnx
    >>> import jax
    >>> model = nnx.Linear(8, 4, rngs=nnx.Rngs(0))
    >>> bool(init_(model, jax.random.normal(jax.random.key(0), (64, 8)), keep_healthy=False).written)
    True
    """
    if library_of(module) != "Flax NNX":
        raise InspectError(
            "init_ writes modules of Flax NNX in place; of anything else init gives new parameters"
        )
    about = taken(module, inputs, loss)
    params, receipt = started(
        about, seed, exclude=exclude, recipe=recipe, keep_healthy=keep_healthy, options=options
    )
    about.written(params)
    return receipt


def started(
    about: Taken, seed: int, *, exclude: str | Sequence[str] = (), recipe: str = DEFAULT,
    keep_healthy: bool = True, options: Mapping[str, Any] | None = None,
    declared: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Any, Receipt]:  # fmt: skip
    """The new parameters of what was taken, and the Receipt."""
    rules_of(recipe)
    check_options(recipe, options or {})
    traced = Traced.of(*about.arguments())
    made, scene = planned(
        traced, about.name, exclude=exclude, recipe=recipe, options=options, declared=declared
    )
    own = judge(measure(about.function, about.params, about.inputs, about.loss))
    compared = keep_healthy and recipe == DEFAULT
    if not made.drawn:
        return about.params, _receipt(
            made, seed, own, own, {}, "there is nothing to draw: the plan keeps all"
        )
    if compared and own.verdict == "healthy" and not hurts(scene, lambda node: _size(own, node)):
        why = "its own start is healthy, and its depth does it no harm"
        return about.params, _receipt(made, seed, own, own, {}, why)
    drawn = apply(about.params, made, seed)
    params, scaled = _calibrated(about, made, drawn)
    after = judge(measure(about.function, params, about.inputs, about.loss))
    if compared and _badness(after) > _badness(own):
        why = f"the plan's start is {after.verdict} ({after.cause}), its own {own.verdict}"
        return about.params, _receipt(made, seed, own, own, {}, why)
    return params, _receipt(made, seed, own, after, scaled, "")


def _calibrated(about: Taken, made: Plan, params: Any) -> tuple[Any, dict[str, float]]:
    """One pass that scales each product to the plan's size as it runs; the parameters, and path -> factor.

    A product is linear in its weight, so scaling its result is scaling the weight: biases come after it.
    """
    traced = Traced.of(about.function, params, about.inputs)
    factors: dict[str, float] = {}

    def hook(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
        name = node.weight.name if node.weight is not None else ""
        if (
            node.kind != "weight"
            or name not in made
            or made[name].kept
            or not math.isfinite(made[name].signal)
        ):
            return value
        if name not in factors:
            power = float(np.mean(np.square(np.abs(float_array(value)), dtype=np.float64)))
            factors[name] = made[name].correction(power)
        return value if factors[name] == 1.0 else value * jnp.asarray(factors[name], value.dtype)

    called(lambda: traced.followed(hook), "the function raised")
    changed = {name: factor for name, factor in factors.items() if factor != 1.0}
    return _scaled(params, changed), changed


def _scaled(params: Any, factors: Mapping[str, float]) -> Any:
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    names = parameter_names([path for path, _ in leaves])
    found = [
        leaf * jnp.asarray(factors[name], leaf.dtype) if name in factors else leaf
        for name, (_, leaf) in zip(names, leaves, strict=True)
    ]
    return jax.tree_util.tree_unflatten(tree, found)


def _size(report: Report, index: int) -> float:
    return report.table.forward[index].rms if index in report.table.forward else math.nan


def _badness(report: Report) -> tuple[int, int]:
    severe = [sum(f.severity == s for f in report.findings) for s in ("critical", "warning")]
    return severe[0], severe[1]


def _receipt(
    made: Plan, seed: int, own: Report, after: Report, scaled: Mapping[str, float], left: str
) -> Receipt:
    written = tuple(
        Written(entry.path, str(entry.initializer), scaled.get(entry.path, 1.0)) for entry in made.drawn
    )
    codes = [tuple(finding.key for finding in report.findings) for report in (own, after)]
    return Receipt(
        made, seed, () if left else written, tuple(_gains(made, own, after)), codes[0], codes[1],
        own.verdict, after.verdict, left, (own.table.loss_value, after.table.loss_value),
    )  # fmt: skip


def _gains(made: Plan, own: Report, after: Report) -> Iterator[Gain]:
    """One row for each operation with a weight, in execution order."""
    for node in after.table.graph.nodes:
        if node.weight is None or node.index not in after.table.forward:
            continue
        predicted = made[node.weight.name].signal if node.weight.name in made else math.nan
        back = [one.table.backward.get(node.index) for one in (own, after)]
        gradients = [math.nan if one is None else one.rms for one in back]
        yield Gain(
            node.path, predicted, _size(own, node.index), _size(after, node.index), gradients[0], gradients[1]
        )
