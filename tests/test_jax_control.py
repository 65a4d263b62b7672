"""Loops, branches and calls in a function of JAX: the same report as of the same operations written out."""

from __future__ import annotations

import functools

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from isogain.jax import inspect  # noqa: E402
from isogain.jax.inspection import measure  # noqa: E402

KEYS = jax.random.split(jax.random.key(3), 8)
X = jax.random.normal(KEYS[0], (32, 16))
STACK = 1.3 / 4 * jax.random.normal(KEYS[1], (4, 16, 16))
HEAD = 1 / 4 * jax.random.normal(KEYS[2], (16, 16))
PARAMS = {"stack": STACK, "head": HEAD}


def layer(h, w):
    return jax.nn.relu(h @ w)


def written_out(params, x):
    for w in params["stack"]:
        x = layer(x, w)
    return x @ params["head"]


def mean_square(y):
    return jnp.mean(y**2)


def check_alike(function, reference, params=PARAMS, inputs=X) -> None:
    """AssertionError unless two functions have equal rows, sizes, gradients and coverage."""
    ours, theirs = (measure(one, params, inputs, mean_square) for one in (function, reference))
    rows = [
        [(n.kind, n.activation, n.weight.layout if n.weight else None) for n in t.graph.nodes]
        for t in (ours, theirs)
    ]
    assert rows[0] == rows[1]
    assert ours.coverage.share == theirs.coverage.share == 1
    assert ours.coverage.unmeasured == ()
    for index, forward in theirs.forward.items():
        assert ours.forward[index].rms == pytest.approx(forward.rms, rel=1e-4)
    for index, backward in theirs.backward.items():
        assert ours.backward[index].rms == pytest.approx(backward.rms, rel=1e-4, abs=1e-12)
    for name, state in theirs.parameters.items():
        assert ours.parameters[name].gradient.rms == pytest.approx(state.gradient.rms, rel=1e-4)


def test_a_while_loop_is_followed_round_by_round():
    def looped(params, x):
        def goes_on(state):
            return state[0] < len(params["stack"])

        def step(state):
            count, h = state
            return count + 1, layer(h, params["stack"][count])

        return lax.while_loop(goes_on, step, (0, x))[1] @ params["head"]

    check_alike(looped, written_out)


def test_a_loop_that_ends_by_what_it_computes():
    """The number of rounds is known from the values alone: this one stops when the signal is small."""

    def by_size(params, x):
        return lax.while_loop(
            lambda h: jnp.abs(h).max() > 0.05, lambda h: layer(0.3 * h, params["stack"][0]), x
        ) @ params["head"]  # fmt: skip

    rounds, h = 0, X
    while float(jnp.abs(h).max()) > 0.05:
        rounds, h = rounds + 1, layer(0.3 * h, STACK[0])
    assert rounds > 2

    def as_often(params, x):
        for _ in range(rounds):
            x = layer(0.3 * x, params["stack"][0])
        return x @ params["head"]

    check_alike(by_size, as_often, {"stack": STACK[:1], "head": HEAD})


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_is_the_one_taken(taken):
    params = {"yes": STACK[0], "no": STACK[1], "head": HEAD}

    def branching(params, x):
        here = (jnp.abs(x).sum() > 0) == taken
        return lax.cond(
            here, lambda h: layer(h, params["yes"]), lambda h: jnp.tanh(h @ params["no"]), x
        ) @ params["head"]  # fmt: skip

    table = measure(branching, params, X, mean_square)
    nodes = [node.weight.name for node in table.graph.nodes if node.weight]
    assert nodes == (["yes", "head"] if taken else ["no", "head"])
    other = next(use for use in table.graph.parameters if use.name == ("no" if taken else "yes"))
    assert other.optional
    assert not other.used
    found = {f.code: f.severity for f in inspect(branching, params, X, mean_square).findings}
    assert found.get("unused-parameter", "info") == "info"


def test_branches_inside_loops_inside_branches():
    def tangled(params, x):
        def step(state):
            count, h = state
            first, second = (
                (lambda h: layer(h, params["stack"][0])),
                (lambda h: jnp.tanh(h @ params["stack"][1])),
            )
            return count + 1, lax.switch(count % 2, [first, second], h)

        def deep(h):
            return lax.while_loop(lambda state: state[0] < 4, step, (0, h))[1]

        return lax.cond(jnp.isfinite(x).all(), deep, lambda h: h, x) @ params["head"]

    def plain(params, x):
        for k in range(4):
            x = jnp.tanh(x @ params["stack"][1]) if k % 2 else layer(x, params["stack"][0])
        return x @ params["head"]

    check_alike(tangled, plain)


@pytest.mark.parametrize(
    "wrap",
    [jax.jit, jax.checkpoint, functools.partial(jax.checkpoint, policy=jax.checkpoint_policies.dots_saveable),
     lambda f: jax.jit(jax.checkpoint(jax.jit(f))), lambda f: jax.named_call(f, name="block")],
    ids=["jit", "checkpoint", "policy", "nested", "named"],
)  # fmt: skip
def test_calls_are_looked_into(wrap):
    wrapped = wrap(layer)

    def calling(params, x):
        for w in params["stack"]:
            x = wrapped(x, w)
        return x @ params["head"]

    check_alike(calling, written_out)


def test_a_derivative_of_its_own_is_the_one_used_and_the_layers_inside_are_seen():
    """A layer whose backward pass triples the gradient: its weight and all before it get three times as much."""

    @jax.custom_vjp
    def tripled(h, w):
        return jax.nn.relu(h @ w)

    def backward(saved, gradient):
        _, pull = jax.vjp(layer, *saved)
        return tuple(3 * one for one in pull(gradient))

    tripled.defvjp(lambda h, w: (tripled(h, w), (h, w)), backward)

    def custom(params, x):
        x = layer(x, params["stack"][0])
        return tripled(x, params["stack"][1]) @ params["head"]

    def plain(params, x):
        return layer(layer(x, params["stack"][0]), params["stack"][1]) @ params["head"]

    params = {"stack": STACK[:2], "head": HEAD}
    ours, theirs = (measure(one, params, X, mean_square) for one in (custom, plain))
    assert [n.kind for n in ours.graph.nodes] == [n.kind for n in theirs.graph.nodes]
    activations = [n.index for n in theirs.graph.nodes if n.kind == "activation"]
    ratios = [ours.backward[k].rms / theirs.backward[k].rms for k in activations]
    assert ratios == pytest.approx([3, 1], rel=1e-4)
    exact = jax.grad(lambda p: mean_square(custom(p, X)))(params)
    for name, gradient in exact.items():
        rms = float(np.sqrt(np.mean(np.square(gradient))))
        assert ours.parameters[name].gradient.rms == pytest.approx(rms, rel=1e-4)


def test_a_rounding_that_lets_gradients_through():
    """Straight through: autodiff of the rounding itself would find nothing but zeros."""

    @jax.custom_jvp
    def rounded(h):
        return jnp.round(8 * h) / 8

    rounded.defjvp(lambda values, tangents: (rounded(*values), tangents[0]))

    def quantised(params, x):
        return rounded(x @ params["head"]) @ params["stack"][0]

    table = measure(quantised, {"stack": STACK[:1], "head": HEAD}, X, mean_square)
    exact = jax.grad(lambda p: mean_square(quantised(p, X)))({"stack": STACK[:1], "head": HEAD})
    rms = float(np.sqrt(np.mean(np.square(exact["head"]))))
    assert rms > 0
    assert table.parameters["head"].gradient.rms == pytest.approx(rms, rel=1e-4)


def test_a_loop_too_long_is_named_and_not_called_healthy_silently():
    def long(params, x):
        def step(state):
            return state[0] + 1, 0.9 * layer(state[1], params["stack"][0]) + 0.1 * x

        return lax.while_loop(lambda state: state[0] < 300, step, (0, x))[1] @ params["head"]

    table = measure(long, {"stack": STACK[:1], "head": HEAD}, X, mean_square)
    assert any("while" in one and "256" in one for one in table.coverage.unmeasured)
    assert table.coverage.unfollowed == ("stack",)
    assert table.coverage.share == pytest.approx(0.5)


def test_what_is_spread_over_devices_is_listed():
    """shard_map's body sees one device's share: it is run whole, and its weights are named as not followed."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
    spec = jax.sharding.PartitionSpec
    spread = jax.shard_map(layer, mesh=mesh, in_specs=(spec("data"), spec()), out_specs=spec("data"))
    params = {"a": STACK[0], "head": HEAD}
    table = measure(lambda p, x: spread(x, p["a"]) @ p["head"], params, X, mean_square)
    assert table.coverage.unfollowed == ("a",)
    assert "shard_map" in table.coverage.unmeasured
    exact = jax.grad(lambda p: mean_square(layer(X, p["a"]) @ p["head"]))(params)
    rms = float(np.sqrt(np.mean(np.square(exact["a"]))))
    assert table.parameters["a"].gradient.rms == pytest.approx(rms, rel=1e-4)
