"""isogain's initializers as JAX's: their randomness, dtypes, keys, transformations and layouts."""

from __future__ import annotations

import functools
import inspect
import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

import isogain as ig  # noqa: E402
from conformance import SIGMAS, check_sample, normal, truncated, truncated_at_two  # noqa: E402
from isogain.errors import DrawError, InitializerError, LayoutError  # noqa: E402
from isogain.jax import from_jax, initializers, jax_function, to_haiku, to_jax  # noqa: E402
from published_laws import elementwise  # noqa: E402

KEY = jax.random.key(7)
OUT, IN = 520, 400
ROWS = elementwise(IN, OUT)


@pytest.mark.parametrize(
    "name", ["he_normal", "glorot_uniform", "he_truncated_normal", "torch.trunc_normal_"]
)
def test_the_samplers_have_the_shape_of_their_law(name):
    parameters, expected = ROWS[name]
    check_sample(np.asarray(to_jax(ig.get(name, **parameters))(KEY, (IN, OUT))), expected)


STRUCTURED = sorted({row.name for row in ig.catalog()} - set(ROWS))


ISOMETRIES = ("orthogonal", "delta_orthogonal", "mirrored_orthogonal")


def made(name: str) -> ig.Initializer | None:
    """The row at its defaults; 0.3 for numbers without one, None where that makes no sense."""
    signature = inspect.signature(ig.catalog()[name].make)
    required = [p.name for p in signature.parameters.values() if p.default is inspect.Parameter.empty]
    try:
        return ig.get(name, **dict.fromkeys(required, 0.3))
    except ig.IsogainError:
        return None


def structure(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a structured law fixes whatever its randomness: singular values, zero counts, root mean square."""
    matrix = w.reshape(-1, w.shape[-1]).astype(np.float64)
    spectrum = np.linalg.svd(matrix, compute_uv=False)
    return spectrum, np.sort((matrix == 0).sum(0)), np.sqrt(np.mean(matrix**2))


@pytest.mark.parametrize("name", STRUCTURED)
def test_every_structured_row_is_the_tensor_the_engine_draws(name):
    """The same construction from other normals: what is not random is equal, what is has equal structure."""
    init = made(name)
    shapes = [(48, 32), (32, 32), (3, 3, 12, 24), (48,), ()]
    shape = next((shape for shape in shapes if init and _serves(init, shape)), None)
    if init is None or shape is None:
        pytest.skip("needs arguments or a shape of its own")
    ours, engine = np.asarray(to_jax(init)(KEY, shape)), ig.draw(init, shape, seed=1)
    law = init.law(shape)
    assert ours.shape == shape
    if law.kind == "constant" or getattr(law, "normals", 1) == 0 or law.std == 0:
        np.testing.assert_array_equal(ours, engine)
    elif len(shape) >= 2 and law.kind == "structured" and law.construction in ISOMETRIES:
        for mine, theirs in zip(structure(ours), structure(engine), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-4)
    else:
        count = ours.size
        spread = 4 * law.std / math.sqrt(count)  # a fourth moment of up to 65 times the square of the second
        assert abs(np.sqrt(np.mean(ours.astype(np.float64) ** 2)) - law.std) < SIGMAS * spread + abs(law.mean)


def _serves(init: ig.Initializer, shape: tuple[int, ...]) -> bool:
    try:
        init.law(shape)
    except ig.IsogainError:
        return False
    return True


@pytest.mark.parametrize(
    "name", ["orthogonal", "delta_orthogonal", "mirrored_orthogonal", "identity", "dirac"]
)
def test_isometries_are_built_by_jnp_itself(name):
    """No call back to the host: the computation is one that any device can run."""
    text = str(
        jax.make_jaxpr(lambda key: to_jax(name)(key, (3, 3, 8, 8) if name == "dirac" else (8, 8)))(KEY)
    )
    assert "callback" not in text


def test_orthogonal_is_haar():
    """For Haar Q of O(6), E[(tr Q)^2] = E[tr Q^2] = 1 and E[tr Q] = 0; QR without sign fix fails."""
    draw = jax.jit(jax.vmap(lambda key: to_jax("orthogonal")(key, (6, 6))))
    q = np.asarray(draw(jax.random.split(KEY, 2000)), np.float64)
    assert np.abs(q @ q.transpose(0, 2, 1) - np.eye(6)).max() < 1e-5
    traces, squares = np.trace(q, axis1=1, axis2=2), np.trace(q @ q, axis1=1, axis2=2)
    assert abs(traces.mean()) < SIGMAS / math.sqrt(2000)
    assert abs((traces**2).mean() - 1) < SIGMAS * math.sqrt(2 / 2000)
    assert abs(squares.mean() - 1) < SIGMAS * math.sqrt(2 / 2000)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-2, 2), (-1, math.inf), (5, 6), (-40, -39), (0.5, 0.501), (8, math.inf), (-math.inf, -9)],
)
def test_truncation_is_exact_in_the_tails(low, high):
    init = ig.TruncatedNormal(1.0, 0.0, low, high, corrected=False)
    values = np.asarray(to_jax(init)(KEY, (700, 700)), np.float64)
    law = init.law((700, 700))
    assert values.min() >= low
    assert values.max() <= high
    assert abs(values.mean() - law.mean) < SIGMAS * law.std / 700
    assert abs(values.std() / law.std - 1) < SIGMAS * math.sqrt(8 / 4) / 700


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_sixteen_bits_are_sampled_in_32_and_rounded_once(dtype):
    values = to_jax("normal")(KEY, (600, 600), dtype)
    exact = to_jax("normal")(KEY, (600, 600), "float32")
    assert values.dtype == dtype
    np.testing.assert_array_equal(np.asarray(values), np.asarray(exact.astype(dtype)))
    high = to_jax(ig.Uniform(0.0, 1.0))(KEY, (600, 600), dtype)
    assert float(high.max()) < 1
    orthogonal = np.asarray(to_jax("orthogonal")(KEY, (32, 32), dtype), np.float64)
    assert np.abs(orthogonal @ orthogonal.T - np.eye(32)).max() < 0.02


def test_float64_has_its_own_digits():
    with jax.enable_x64(True):
        values = np.asarray(to_jax("he_truncated_normal")(KEY, (IN, OUT), jnp.float64))
        orthogonal = np.asarray(to_jax("orthogonal")(KEY, (64, 64), jnp.float64))
        default = to_jax("normal")(KEY, (2, 2))
    assert values.dtype == np.float64
    assert default.dtype == jnp.float64
    assert len(np.unique(values)) == values.size
    check_sample(values, truncated_at_two(math.sqrt(2 / IN)))
    assert np.abs(orthogonal @ orthogonal.T - np.eye(64)).max() < 1e-13


@pytest.mark.parametrize(
    "init",
    [
        ig.VarianceScaling(2.0),
        ig.VarianceScaling(2.0, "fan_avg", "uniform"),
        ig.VarianceScaling(2.0, "fan_in", "truncated_normal"),
        ig.Normal(0.3),
    ],
)
def test_complex_weights_have_the_variance_of_their_law(init):
    w = np.asarray(to_jax(init)(KEY, (IN, OUT), jnp.complex64))
    law = init.law((IN, OUT), is_complex=True)
    power = np.abs(w) ** 2
    assert abs(power.mean() - law.std**2) < SIGMAS * power.std() / math.sqrt(w.size)
    assert abs((w**2).mean()) < SIGMAS * law.std**2 * math.sqrt(2 / w.size)
    assert SIGMAS * power.std() / math.sqrt(w.size) < 0.02 * law.std**2


def test_jit_vmap_and_eval_shape_agree_with_a_plain_call():
    for name in ("he_truncated_normal", "orthogonal", "masked_normal"):
        init = to_jax(name)
        plain = np.asarray(init(KEY, (24, 16)))
        np.testing.assert_allclose(jax.jit(init, static_argnums=(1, 2))(KEY, (24, 16)), plain, atol=1e-6)
        keys = jax.random.split(KEY, 3)
        batch = jax.vmap(lambda key, init=init: init(key, (24, 16)))(keys)
        np.testing.assert_allclose(batch[1], init(keys[1], (24, 16)), atol=1e-6)
        shape = jax.eval_shape(lambda key, init=init: init(key, (24, 16), jnp.bfloat16), KEY)
        assert (shape.shape, shape.dtype) == ((24, 16), jnp.bfloat16)
    np.testing.assert_array_equal(
        to_jax("normal")(jax.random.PRNGKey(1), (4,)), to_jax("normal")(jax.random.key(1), (4,))
    )


def test_isogain_keys_give_the_bits_of_draw_in_and_out_of_jit():
    for name in ("he_normal", "orthogonal", "sparse"):
        for dtype in ("float32", "bfloat16"):
            bits = ig.draw(name, (40, 24), seed=5, path="a/kernel", dtype=dtype)
            init = to_jax(name, seed=5, path="a/kernel", dtype=dtype)
            np.testing.assert_array_equal(np.asarray(init(None, (40, 24))), bits)
            np.testing.assert_array_equal(np.asarray(jax.jit(lambda k, i=init: i(k, (40, 24)))(KEY)), bits)
            assert jax.eval_shape(lambda k, i=init: i(k, (40, 24)), KEY).shape == (40, 24)


def test_layouts_of_flax_layers():
    """A grouped convolution, a transposed one with stride, an embedding, attention: by the output they give."""
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)
    grouped = nnx.Conv(64, 128, (3, 3), feature_group_count=4, kernel_init=to_jax(ig.VarianceScaling(1.0, "fan_out"), groups=4), rngs=rngs)  # fmt: skip
    kernel = np.asarray(grouped.kernel[...], np.float64)
    assert kernel.shape == (3, 3, 16, 128)
    assert abs(kernel.std() - 1 / math.sqrt(9 * 32)) < SIGMAS * kernel.std() / math.sqrt(2 * kernel.size)
    table = nnx.Embed(3000, 100, embedding_init=to_jax("lecun_normal", "lookup out"), rngs=rngs)
    assert abs(np.asarray(table.embedding[...]).std() - 1) < SIGMAS / math.sqrt(2 * 300_000)
    attention = nnx.MultiHeadAttention(
        8, 256, 512, 256, kernel_init=to_jax("lecun_normal"), decode=False, rngs=rngs
    )
    query, out = (np.asarray(layer.kernel[...], np.float64) for layer in (attention.query, attention.out))
    assert query.shape == (256, 8, 64)
    assert abs(query.std() * 16 - 1) < SIGMAS / math.sqrt(2 * query.size)
    assert abs(out.std() * math.sqrt(512) - 1) < SIGMAS / math.sqrt(2 * out.size)


def test_transposed_convolution_keeps_the_variance_it_promises():
    """White noise through a stride-2 transposed convolution: fan_in = in k / s on each axis, by its output."""
    linen = pytest.importorskip("flax.linen")
    layer = linen.ConvTranspose(
        128, (4, 4), (2, 2), kernel_init=to_jax("lecun_normal", stride=2, transposed=True), use_bias=False
    )
    noise = jax.random.normal(KEY, (8, 16, 16, 64))
    out = np.asarray(layer.apply(layer.init(KEY, noise), noise))[:, 4:-4, 4:-4]
    channels = out.reshape(-1, 128).var(0)
    assert abs(channels.mean() - 1) < SIGMAS * channels.std() / math.sqrt(128)


def test_linen_haiku_and_equinox():
    linen = pytest.importorskip("flax.linen")
    dense = linen.Dense(512, kernel_init=to_jax("he_normal"))
    kernel = dense.init(KEY, jnp.ones((1, 784)))["params"]["kernel"]
    check_sample(np.asarray(kernel), normal(math.sqrt(2 / 784)))
    haiku = pytest.importorskip("haiku")
    transformed = haiku.transform(lambda x: haiku.Linear(512, w_init=to_haiku("he_normal"))(x))
    check_sample(
        np.asarray(transformed.init(KEY, jnp.ones((1, 784)))["linear"]["w"]), normal(math.sqrt(2 / 784))
    )
    equinox = pytest.importorskip("equinox")
    layer = equinox.nn.Linear(784, 512, key=KEY)
    layer = equinox.tree_at(lambda m: m.weight, layer, to_jax("he_normal", "out in")(KEY, layer.weight.shape))
    check_sample(np.asarray(layer.weight), normal(math.sqrt(2 / 784)))


def test_the_drop_in_names_are_jaxs_laws():
    theirs = jax.nn.initializers
    for name in initializers.__all__:
        if name not in ("Initializer", "zeros_init", "ones_init"):
            assert hasattr(theirs, name)
    ours = initializers.truncated_normal(2.0, jnp.float32, -1.0, 3.0)(KEY, (IN, OUT))
    check_sample(np.asarray(ours), truncated(2.0, 0.0, -2.0, 6.0))
    assert initializers.glorot_normal()(KEY, (4, 4)).dtype == theirs.glorot_normal()(KEY, (4, 4)).dtype
    assert initializers.delta_orthogonal()(KEY, (3, 3, 4, 8)).shape == (3, 3, 4, 8)
    np.testing.assert_array_equal(initializers.ones(KEY, (2, 3)), np.ones((2, 3)))


def test_mistakes_are_told():
    with pytest.raises(DrawError, match=r"jax\.random\.key"):
        to_jax("he_normal")(None, (3, 4))
    with pytest.raises(LayoutError, match="no fans"):
        to_jax("he_normal", "out")(KEY, (3,))
    with pytest.raises(InitializerError, match="did you mean"):
        to_jax("he_nromal")
    with pytest.raises(DrawError, match="complex"):
        to_jax(ig.Constant(1j))(KEY, (3,))
    with pytest.raises(DrawError, match="dtype"):
        to_jax("normal")(KEY, (3,), jnp.int32)
    assert to_jax("he_normal")(KEY, (0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    "name", ["relu", "gelu", "gelu_tanh", "silu", "softsign", "leaky_relu", "hard_swish", "erf"]
)
def test_activations_and_jax_functions_name_each_other(name):
    x = np.linspace(-4, 4, 101).astype(np.float32)
    function = jax_function(name)
    np.testing.assert_allclose(np.asarray(function(x)), ig.activation(name)(x), atol=2e-6)
    assert from_jax(function) == ig.activation(name)


def test_partials_carry_their_parameters():
    assert from_jax(functools.partial(jax.nn.leaky_relu, negative_slope=0.2)).gain() == pytest.approx(
        math.sqrt(2 / 1.04)
    )
    assert from_jax(jax.nn.gelu) == ig.activation("gelu_tanh")
    assert from_jax(lambda x: x**3).gain() == pytest.approx(1 / math.sqrt(15))
    with pytest.raises(ig.IsogainError, match="no function of its own"):
        jax_function("snake")
