"""plan, init and init_ in JAX: the same plan as torch's for the same network, the same bits, signals where they belong."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.jax as igj  # noqa: E402
from isogain.errors import IsogainError  # noqa: E402

X = jax.random.normal(jax.random.key(0), (64, 8))
WIDTHS = [8, *[32] * 10, 3]


def parameters(scale=1.0, bias=True):
    keys = jax.random.split(jax.random.key(1), len(WIDTHS) - 1)
    return {
        f"layer{k}": {"kernel": scale * jax.random.normal(key, (n, m)) / n**0.5, **({"bias": jnp.zeros(m)} if bias else {})}
        for k, (key, n, m) in enumerate(zip(keys, WIDTHS, WIDTHS[1:], strict=False))
    }  # fmt: skip


def net(phi):
    def call(params, x):
        for k in range(len(params)):
            layer = params[f"layer{k}"]
            x = x @ layer["kernel"] + layer.get("bias", 0.0)
            x = phi(x) if k < len(params) - 1 else x
        return x

    return call


def outputs(params, phi, x=X):
    """Root mean square of every product, worked out by hand."""
    found, x = [], np.asarray(x, np.float64)
    for k in range(len(params)):
        x = x @ np.asarray(params[f"layer{k}"]["kernel"], np.float64)
        found.append(float(np.sqrt(np.mean(x**2))))
        x = np.asarray(phi(jnp.asarray(x)), np.float64) if k < len(params) - 1 else x
    return found


def test_the_plan_is_torchs_for_the_same_network():
    torch = pytest.importorskip("torch")
    import isogain.torch as igt

    for ours, theirs in (
        (jax.nn.relu, torch.nn.ReLU),
        (jnp.tanh, torch.nn.Tanh),
        (jax.nn.gelu, lambda: torch.nn.GELU("tanh")),
    ):
        layers = [m for n, k in itertools.pairwise(WIDTHS) for m in (torch.nn.Linear(n, k), theirs())][:-1]
        expected = igt.plan(torch.nn.Sequential(*layers), torch.tensor(np.asarray(X)))
        found = igj.plan(net(ours), parameters(), X)
        for k in range(len(WIDTHS) - 1):
            one, other = found[f"layer{k}.kernel"], expected[f"{2 * k}.weight"]
            assert (one.initializer, one.role, one.fans) == (other.initializer, other.role, other.fans)
            assert found[f"layer{k}.bias"].initializer == expected[f"{2 * k}.bias"].initializer


@pytest.mark.parametrize(
    ("slope", "variance"), [(0.2, 2 / (1 + 0.2**2)), (0.01, 2 / (1 + 0.01**2)), (0.5, 2 / (1 + 0.5**2))]
)
def test_slopes_are_read_off_the_numbers(slope, variance):
    """jax.nn.leaky_relu's slope is an argument that no name tells."""
    params = {k: v for k, v in parameters().items() if k in ("layer0", "layer1", "layer2")}
    found = igj.plan(net(lambda x: jax.nn.leaky_relu(x, slope)), params, X)
    assert found["layer1.kernel"].initializer.scale == pytest.approx(variance, rel=1e-3)


@pytest.mark.parametrize("phi", [jax.nn.relu, jnp.tanh, jax.nn.silu], ids=["relu", "tanh", "silu"])
def test_init_brings_signals_to_the_plans_size(phi):
    before = parameters(0.3)
    kept = jax.tree.map(np.asarray, before)
    after, receipt = igj.init(net(phi), before, X, seed=4)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == np.asarray(b)).all()), kept, before))
    assert outputs(after, phi) == pytest.approx(
        [receipt.plan[f"layer{k}.kernel"].signal for k in range(11)], rel=0.06
    )
    assert outputs(after, phi) == pytest.approx([gain.after for gain in receipt.gains], rel=1e-3)
    assert outputs(before, phi) == pytest.approx([gain.before for gain in receipt.gains], rel=1e-3)
    assert igj.inspect(net(phi), after, X).verdict == "healthy"


def test_bits_are_those_of_draw():
    params = parameters()
    made = igj.plan(net(jax.nn.relu), params, X)
    found = igj.apply(params, made, seed=7)
    for k in range(11):
        entry = made[f"layer{k}.kernel"]
        expected = ig.draw(entry.initializer, entry.shape, layout=entry.layout, seed=7, path=entry.path)
        assert (np.asarray(found[f"layer{k}"]["kernel"]) == expected).all()


def test_sharded_arrays_keep_their_sharding_and_bits():
    """In a process of its own, with four devices."""
    import subprocess
    import sys

    code = """
import jax, jax.numpy as jnp, numpy as np, isogain.jax as igj
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = NamedSharding(Mesh(np.array(jax.devices()), ("d",)), P("d"))
x = jnp.ones((8, 16))
params = {"a": jnp.ones((16, 32)), "b": jnp.ones((32, 4))}
net = lambda p, x: jax.nn.relu(x @ p["a"]) @ p["b"]
plan = igj.plan(net, params, x)
plain = igj.apply(params, plan, 1)
split = igj.apply({"a": jax.device_put(params["a"], mesh), "b": params["b"]}, plan, 1)
print(len(jax.devices()), split["a"].sharding == mesh, bool((split["a"] == plain["a"]).all()))
"""
    import os

    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **flags}
    )
    assert done.stdout.split() == ["4", "True", "True"], done.stderr


def test_a_healthy_start_stays_and_frozen_collections_are_kept():
    params = {k: v for k, v in parameters(2**0.5).items() if k in ("layer0", "layer1")}
    same, receipt = igj.init(net(jax.nn.relu), params, X)
    assert "healthy" in receipt.left
    assert same is params
    drawn, receipt = igj.init(net(jax.nn.relu), params, X, keep_healthy=False, exclude="layer0.*")
    assert not receipt.left
    assert (drawn["layer0"]["kernel"] == params["layer0"]["kernel"]).all()
    assert (drawn["layer1"]["kernel"] != params["layer1"]["kernel"]).any()


def test_nnx_modules_as_they_are():
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.conv, self.norm = nnx.Conv(3, 8, (3, 3), rngs=rngs), nnx.BatchNorm(8, rngs=rngs)
            self.drop, self.head = nnx.Dropout(0.1, rngs=rngs), nnx.Linear(8, 4, rngs=rngs)

        def __call__(self, x):
            return self.head(self.drop(jax.nn.relu(self.norm(self.conv(x))).mean((1, 2))))

    model, images = Net(nnx.Rngs(0)), jax.random.normal(jax.random.key(0), (16, 10, 10, 3))
    mean = np.asarray(model.norm.mean[...])
    assert set(igj.plan(model, images)) == {
        "conv.kernel",
        "conv.bias",
        "norm.scale",
        "norm.bias",
        "head.kernel",
        "head.bias",
    }
    before = np.asarray(model.conv.kernel[...])
    receipt = igj.init_(model, images, seed=2, keep_healthy=False)
    entry = receipt.plan["conv.kernel"]
    expected = ig.draw(entry.initializer, entry.shape, layout=entry.layout, seed=2, path="conv.kernel")
    assert (before != np.asarray(model.conv.kernel[...])).any()
    assert np.asarray(model.conv.kernel[...]) == pytest.approx(
        receipt.scaled.get("conv.kernel", 1.0) * expected, rel=1e-6
    )
    assert (np.asarray(model.norm.mean[...]) == mean).all()
    targets = jnp.arange(16) % 4
    report = igj.inspect(
        model, images, lambda out: -jnp.take_along_axis(jax.nn.log_softmax(out), targets[:, None], 1).mean()
    )
    assert report.table.losses[0].kind == "cross_entropy"


def test_equinox_modules_as_they_are():
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(8, 3, 32, 10, activation=jax.nn.relu, key=jax.random.key(1))
    report = igj.inspect(model, X)
    assert report.verdict == igj.inspect(lambda m, x: jax.vmap(m)(x), model, X).verdict
    started, receipt = igj.init(model, X, seed=1)
    assert type(started) is type(model)
    assert receipt.plan["layers.1.weight"].layout == "out in"
    assert "isometric layers of 32" in str(receipt.rates[0])
    assert igj.inspect(started, X).verdict == "healthy"

    class Batched(eqx.Module):
        weight: jax.Array

        def __call__(self, x):
            return x @ self.weight

    assert igj.plan(Batched(jnp.ones((8, 4))), X)["weight"].role == "head"


def test_linen_modules_stand_for_their_apply():
    nn = pytest.importorskip("flax.linen")
    model = nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(3)])
    variables = model.init(jax.random.key(0), X)
    assert igj.plan(model, variables, X).hash == igj.plan(model.apply, variables, X).hash
    found, _ = igj.init(model, variables, X, keep_healthy=False)
    assert jax.tree.structure(found) == jax.tree.structure(variables)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: igj.inspect(net(jnp.tanh), X), r"\(function, params, inputs\)"),
        (lambda: igj.inspect(dict, parameters(), X), r"forget the \(\)"),
        (lambda: igj.inspect(3, parameters(), X), "callable"),
        (lambda: igj.plan(net(jnp.tanh), parameters(), X, exclude="zz*"), "no parameter fits 'zz"),
        (lambda: igj.plan(net(jnp.tanh), parameters(), X, recipe="gpt-2"), "did you mean 'gpt2'"),
        (lambda: igj.init_(net(jnp.tanh), X), "init gives new parameters"),
        (
            lambda: igj.apply({"a": jnp.ones(3)}, igj.plan(net(jnp.tanh), parameters(), X)),
            "layer0.kernel is in the plan but not",
        ),
        (lambda: igj.plan(net(jnp.tanh), parameters(), X[:, :5]), "the function raised"),
        (lambda: igj.apply(parameters(), "plan"), "as isogain.jax.plan makes it"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(IsogainError, match=message):
        call()


def test_a_bias_of_its_own_operation_is_no_layer():
    """x W + b is one layer to the slope, as x W is."""
    bare, biased = (igj.inspect(net(jnp.tanh), parameters(bias=bias), X) for bias in (False, True))
    assert biased.slopes == pytest.approx(bare.slopes, rel=0.05)
