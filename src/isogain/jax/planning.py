"""`plan` for a function of parameters: one watched pass, then every array gets its law."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import jax.numpy as jnp
import numpy as np

from isogain.graph import Graph, Node
from isogain.graph.deciding import Held, check_patterns, entry_of, protected
from isogain.graph.needs import needs
from isogain.graph.plan import Plan
from isogain.graph.rates import rates_of_stack
from isogain.graph.recipes import check_options, notes_of
from isogain.graph.recipes.typed import RecipeName
from isogain.graph.rules.registry import DEFAULT, rules_of
from isogain.graph.scene import Own, Scene
from isogain.graph.unpack import unpacked
from isogain.jax.activations_seen import Seen, SeenActivations, sampled
from isogain.jax.model import Traced, called, float_array
from isogain.jax.modules import taken

__all__ = ["plan", "planned"]


def plan(
    function: Any,
    params: Any,
    inputs: Any = None,
    *,
    exclude: str | Sequence[str] = (),
    recipe: RecipeName | str = DEFAULT,
    **options: Any,
) -> Plan:
    """The Plan of a function of parameters: for every array an initializer, its fans, role, reason and gain.

    `function`, `params` and `inputs` are those of `inspect`: `plan(function, params, inputs)`, or
    `plan(module, inputs)` for a module of Flax NNX or Equinox.  Paths are those of a Report
    (`Dense_0.kernel`); arrays of Flax's batch_stats and cache keep what they have, and so do those that fit
    `exclude` and those that no rule knows, with the reason.  `recipe` and its options are those of
    `isogain.torch.plan`.  `apply(params, plan, seed)` draws it: the bits of `ig.draw` for (seed, path).

    Raises PlanError for an unknown recipe, option or pattern, InspectError when the function raises.

    >>> import jax, jax.numpy as jnp
    >>> params = {"hidden": jnp.ones((8, 16)), "head": jnp.ones((16, 4))}
    >>> def net(p, x):
    ...     return jax.nn.relu(x @ p["hidden"]) @ p["head"]
    >>> plan(net, params, jnp.ones((32, 8)))["head"].role
    'head'
    """
    rules_of(recipe)
    check_options(recipe, options)
    about = taken(function, params, inputs)
    traced = Traced.of(*about.arguments())
    return planned(traced, about.name, exclude=exclude, recipe=recipe, options=options)[0]


def planned(
    traced: Traced, name: str, *, exclude: str | Sequence[str] = (), recipe: str = DEFAULT,
    options: Mapping[str, Any] | None = None, declared: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Plan, Scene]:  # fmt: skip
    """The plan of a traced function, and the scene that it was made from; `declared` as in Held."""
    patterns = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    graph, seen = _watched(traced)
    check_patterns(patterns, [use.name for use in graph.parameters])
    parts, own = unpacked(graph), _own(traced)
    frozen = [use.name for use in graph.parameters if not use.trainable or _fits(use.name, patterns)]
    scene = Scene(
        parts.graph, SeenActivations(parts.graph, seen), own, fixed=frozenset(frozen), options=options or {},
        gates=_gates(parts.graph, own),
    )  # fmt: skip
    entries = [
        entry_of(
            scene, parts, Held(use.name, use.shape, declared=(declared or {}).get(use.name, {})), [use],
            protected([use], [use.name], patterns), recipe,
        )
        for use in graph.parameters
    ]  # fmt: skip
    lost = [f"not followed: {one}" for one in dict.fromkeys(traced.last.unfollowed)]
    rates = rates_of_stack(scene) if recipe == DEFAULT else ()
    said = [*notes_of(recipe, scene), *scene.notes, *lost]
    return Plan(name, entries, recipe=recipe, notes=said, needed=needs(scene), rates=rates), scene


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _watched(traced: Traced) -> tuple[Graph, dict[int, Seen]]:
    """The graph of one pass on the present values, and samples of what activations read and made."""
    seen: dict[int, Seen] = {}

    def hook(node: Node, value: Any, before: tuple[Any, ...]) -> Any:
        if node.activation and before and jnp.shape(before[0]) == jnp.shape(value):
            seen[node.index] = Seen(sampled(float_array(before[0])), sampled(float_array(value)))
        return value

    called(lambda: traced.followed(hook), "the function raised")
    return traced.graph(), seen


def _own(traced: Traced) -> dict[str, Own]:
    return {name: _values(value) for name, value in zip(traced.names, traced.values, strict=True)}


def _values(value: Any) -> Own:
    array = float_array(value)
    if not array.size:
        return Own(0.0, True, 0.0, 0)
    power = float(np.mean(np.square(np.abs(array), dtype=np.float64)))
    constant = bool((array == array.reshape(-1)[0]).all())
    return Own(math.sqrt(power), constant, float(np.real(np.mean(array, dtype=np.complex128))), array.size)


def _gates(graph: Graph, own: Mapping[str, Own]) -> dict[int, float]:
    """Nodes that multiply a signal by parameters alone -> the root mean square of those."""
    return {
        node.index: own[node.parameters[0]].rms
        for node in graph.nodes
        if node.kind == "multiply" and len(node.parameters) == 1 and node.parameters[0] in own
    }
