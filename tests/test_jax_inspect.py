"""isogain.jax.inspect: the same report from a jaxpr, held against autodiff, by-hand forwards and torch's."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from isogain.errors import InspectError  # noqa: E402
from isogain.jax import inspect, rescale  # noqa: E402
from isogain.jax.inspection import measure  # noqa: E402

KEYS = jax.random.split(jax.random.key(0), 20)
X = jax.random.normal(KEYS[0], (64, 32))


def stack(scale: float, depth: int = 12, width: int = 32) -> list:
    return [
        {
            "kernel": scale / width**0.5 * jax.random.normal(KEYS[k + 1], (width, width)),
            "bias": jnp.zeros(width),
        }
        for k in range(depth)
    ]


def chain(phi):
    def forward(layers, x):
        for layer in layers[:-1]:
            x = phi(x @ layer["kernel"] + layer["bias"])
        return x @ layers[-1]["kernel"] + layers[-1]["bias"]

    return forward


@pytest.mark.parametrize(
    ("phi", "scale", "code"),
    [
        (jnp.tanh, 0.05, "vanishing-forward"),
        (jax.nn.relu, 2**0.5, None),
        (jax.nn.relu, 6.0, "exploding-forward"),
        (jax.nn.gelu, 1.53, None),
    ],
)
def test_starts_are_judged_as_they_are(phi, scale, code):
    codes = {finding.code for finding in inspect(chain(phi), stack(scale), X).findings}
    assert (
        (code in codes)
        if code
        else not codes & {"vanishing-forward", "exploding-forward", "vanishing-backward"}
    )


def test_signals_and_gradients_are_those_of_jax():
    """Sizes by a forward pass written out; gradients by jax.grad of the same loss."""
    layers = stack(1.4, depth=3)
    table = measure(chain(jax.nn.relu), layers, X, loss=lambda y: jnp.mean(y**2))
    h1 = X @ layers[0]["kernel"]
    a1 = jax.nn.relu(h1)
    weights = [node for node in table.graph.nodes if node.kind == "weight"]
    activations = [node for node in table.graph.nodes if node.kind == "activation"]
    assert [node.weight.name for node in weights] == ["0.kernel", "1.kernel", "2.kernel"]
    assert [node.weight.layout for node in weights] == ["in out"] * 3
    assert [node.activation for node in activations] == ["relu", "relu"]
    assert table.forward[weights[0].index].rms == pytest.approx(float(jnp.sqrt(jnp.mean(h1**2))), rel=1e-4)
    assert table.forward[activations[0].index].zero_fraction == pytest.approx(
        float(jnp.mean(a1 == 0)), rel=1e-5
    )

    def rest(a1):
        hidden = jax.nn.relu(a1 @ layers[1]["kernel"])
        return jnp.mean((hidden @ layers[2]["kernel"]) ** 2)

    felt = jax.grad(rest)(a1)
    back = table.backward[activations[0].index]
    assert back.rms == pytest.approx(float(jnp.sqrt(jnp.mean(felt**2))), rel=1e-4)
    loss = lambda p: jnp.mean(chain(jax.nn.relu)(p, X) ** 2)  # noqa: E731
    value, exact = jax.value_and_grad(loss)(layers)
    assert table.loss_value == pytest.approx(float(value), rel=1e-5)
    for k, layer in enumerate(exact):
        state = table.parameters[f"{k}.kernel"].gradient
        assert state.rms == pytest.approx(float(jnp.sqrt(jnp.mean(layer["kernel"] ** 2))), rel=1e-4)


def test_calls_and_scans_are_looked_into():
    """jit, remat, custom derivatives and scan change nothing of what is found."""
    depth, width = 6, 32
    kernels = jnp.stack([layer["kernel"] for layer in stack(1.4, depth)])

    def scanned(kernel, x):
        body = jax.checkpoint(jax.jit(lambda h, w: (jax.nn.relu(h @ w), None)))
        return jax.lax.scan(body, x, kernel)[0]

    def looped(kernel, x):
        for w in kernel:
            x = jax.nn.relu(x @ w)
        return x

    tables = [measure(function, kernels, X) for function in (scanned, looped)]
    for table in tables:
        assert [node.weight.shape for node in table.graph.nodes if node.kind == "weight"] == [
            (width, width)
        ] * depth
        assert table.coverage.share == 1
    sizes = [[t.forward[n.index].rms for n in t.graph.nodes if n.kind == "activation"] for t in tables]
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-5)
    slopes = [[t.backward[n.index].rms for n in t.graph.nodes if n.kind == "activation"] for t in tables]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-4)


def test_a_flax_transformer_is_followed_whole():
    linen = pytest.importorskip("flax.linen")

    class Model(linen.Module):
        @linen.compact
        def __call__(self, tokens):
            h = linen.Embed(50, 32)(tokens)
            h = h + linen.MultiHeadDotProductAttention(4)(linen.LayerNorm()(h))
            h = h + linen.Dense(32)(linen.gelu(linen.Dense(64)(linen.LayerNorm()(h))))
            return linen.Dense(50)(linen.LayerNorm()(h))

    tokens = jax.random.randint(KEYS[0], (8, 16), 0, 50)
    model = Model()
    variables = model.init(KEYS[1], tokens)
    table = measure(model.apply, variables, tokens)
    kinds = [node.kind for node in table.graph.nodes]
    assert table.coverage.share == 1
    assert kinds.count("norm") >= 3
    assert kinds.count("embedding") == 1
    layouts = {node.path: node.weight.layout for node in table.graph.nodes if node.kind == "weight"}
    assert layouts["MultiHeadDotProductAttention_0.query"] == "in out out"
    assert layouts["MultiHeadDotProductAttention_0.out"] == "in in out"
    assert [node.activation for node in table.graph.nodes if node.kind == "activation"] == ["gelu_tanh"]
    assert inspect(model.apply, variables, tokens).verdict == "healthy"


def test_convolutions_of_equinox_and_flax_are_read_right():
    def forward(params, x):
        grouped = jax.lax.conv_general_dilated(
            x, params["a"], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
        )
        first = jax.nn.silu(grouped)
        return jax.lax.conv_transpose(
            first, params["b"], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    params = {"a": jax.random.normal(KEYS[0], (3, 3, 4, 16)), "b": jax.random.normal(KEYS[1], (4, 4, 16, 6))}
    table = measure(forward, params, jax.random.normal(KEYS[2], (4, 8, 8, 8)))
    a, b = (node.weight for node in table.graph.nodes if node.kind == "weight")
    assert (a.layout, a.groups, a.fans.fan_in) == ("* in out", 2, 36)
    assert (b.layout, b.transposed, b.fans.fan_in) == ("* in out", True, 64)


def test_findings_name_the_parameter():
    layers = stack(1.4, depth=4)
    layers[1]["kernel"] = jnp.tile(layers[1]["kernel"][:, :1], (1, 32))
    report = inspect(chain(jax.nn.relu), layers, X)
    assert ("symmetric-units", "1.kernel") in {(f.code, f.path) for f in report.findings} or any(
        f.code == "symmetric-units" and f.path.startswith("1") for f in report.findings
    )
    unused = [*stack(1.4, depth=2), {"kernel": jnp.ones((3, 3)), "bias": jnp.zeros(3)}]
    found = inspect(lambda p, x: chain(jax.nn.relu)(p[:2], x), unused, X).findings
    assert any(f.code == "unused-parameter" and "2.kernel" in f.paths for f in found)


def test_a_fix_is_a_line_of_jax_that_mends():
    params = stack(0.7, depth=20)
    report = inspect(chain(jax.nn.relu), params, X)
    assert report.verdict == "critical"
    scope = {"params": params, "isogain": __import__("isogain.jax")}
    exec(report.findings[0].fix, scope)
    assert not any("torch" in finding.fix for finding in report.findings)
    after = inspect(chain(jax.nn.relu), scope["params"], X)
    wrong = {f"{way}-{pass_}" for way in ("vanishing", "exploding") for pass_ in ("forward", "backward")}
    assert not {f.code for f in after.findings} & wrong
    doubled = rescale(params, {"3.kernel": 2.0})
    np.testing.assert_array_equal(doubled[3]["kernel"], 2 * np.asarray(params[3]["kernel"]))
    assert doubled[4]["kernel"] is params[4]["kernel"]
    with pytest.raises(InspectError, match="no parameters named"):
        rescale(params, {"kernel.99": 2.0})


def test_the_callers_arrays_and_keys_are_left_alone():
    layers = stack(1.4, depth=2)
    before = [np.asarray(layer["kernel"]).copy() for layer in layers]
    inspect(chain(jnp.tanh), layers, X)
    for old, layer in zip(before, layers, strict=True):
        np.testing.assert_array_equal(old, layer["kernel"])


def test_mistakes_are_told():
    with pytest.raises(InspectError, match="the function raised"):
        inspect(chain(jnp.tanh), stack(1.0, 2), jnp.ones((4, 7)))
    with pytest.raises(InspectError, match="no arrays"):
        inspect(lambda p, x: x, {"n": 3}, X)


def test_layers_of_a_scan_with_the_same_numbers():
    def layers(same):
        keys = jnp.stack([jax.random.key(0)] * 4) if same else jax.random.split(jax.random.key(0), 4)
        return jax.vmap(lambda key: jax.random.normal(key, (32, 32)) * 32**-0.5)(keys)

    def scanned(params, x):
        h = jax.lax.scan(lambda h, w: (h + jnp.tanh(h @ w), None), x, params["layers"])[0]
        return h @ params["head"]

    x, head = jax.random.normal(jax.random.key(1), (64, 32)), jax.random.normal(jax.random.key(2), (32, 5))
    for same in (False, True):
        report = inspect(scanned, {"layers": layers(same), "head": 0.02 * head}, x)
        assert ("identical-layers" in {f.code for f in report.findings}) == same
