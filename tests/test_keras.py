"""isogain in Keras 3: layers, laws, saving, backends, and looking inside models."""

from __future__ import annotations

import importlib.util
import inspect
import math
import os
import subprocess
import sys

import numpy as np
import pytest

keras = pytest.importorskip("keras")
import isogain as ig  # noqa: E402
import isogain.keras as igk  # noqa: E402
from conformance import SIGMAS  # noqa: E402
from isogain.errors import InitializerError, InspectError, LayoutError  # noqa: E402
from isogain.keras import initializers, to_keras  # noqa: E402
from keras_programs import BITS, TENSORFLOW_1  # noqa: E402
from published_laws import elementwise  # noqa: E402

L = keras.layers
ROWS = elementwise(50, 30)
on_torch = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="looks inside models on the torch backend"
)


def numbers(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


def built(layer, *shape: int):
    layer.build((None, *shape))
    return layer


@pytest.mark.parametrize("name", ROWS)
def test_every_elementwise_row_through_a_dense_layer(name):
    """Bit for bit the engine's tensor, whose law is judged in test_keras_layers."""
    init = ig.get(name, **ROWS[name][0])
    kernel = numbers(built(L.Dense(30, kernel_initializer=to_keras(init, seed=1, path="w")), 50).kernel)
    np.testing.assert_array_equal(kernel, ig.draw(init, (50, 30), seed=1, path="w"))


STRUCTURED = sorted({row.name for row in ig.catalog()} - set(ROWS))


def made(name: str) -> ig.Initializer | None:
    """The row at its defaults; 0.3 for numbers without one, None where that makes no sense."""
    signature = inspect.signature(ig.catalog()[name].make)
    required = [p.name for p in signature.parameters.values() if p.default is inspect.Parameter.empty]
    try:
        return ig.get(name, **dict.fromkeys(required, 0.3))
    except ig.IsogainError:
        return None


@pytest.mark.parametrize("name", STRUCTURED)
def test_every_other_row_is_the_engines_tensor(name):
    """Where a Dense or a Conv2D can have it; the constructions themselves are judged in test_structured."""
    init = made(name)
    if init is None:
        pytest.skip("needs arguments of its own")
    for layer, shape in ((L.Dense(32, kernel_initializer=to_keras(init, seed=1, path="w")), (48,)),
                         (L.Conv2D(24, 3, kernel_initializer=to_keras(init, seed=1, path="w")), (8, 8, 12))):  # fmt: skip
        try:
            kernel = numbers(built(layer, *shape).kernel)
        except ig.IsogainError:
            continue
        np.testing.assert_array_equal(kernel, ig.draw(init, kernel.shape, seed=1, path="w"))


def outputs_of(layer, *shape: int) -> np.ndarray:
    """White noise through the layer."""
    noise = np.random.default_rng(0).normal(size=shape).astype("float32")
    return numbers(layer(noise))


@pytest.mark.parametrize(
    ("make", "shape", "crop"),
    [
        (lambda i: L.Dense(400, kernel_initializer=i), (400, 256), 0),
        (lambda i: L.EinsumDense("abc,cde->abde", (None, 8, 50), kernel_initializer=i), (20, 20, 128), 0),
        (lambda i: L.Conv1D(256, 5, kernel_initializer=i), (8, 60, 64), 0),
        (lambda i: L.Conv2D(256, 3, groups=4, kernel_initializer=i), (4, 18, 18, 64), 0),
        (lambda i: L.DepthwiseConv2D(5, depth_multiplier=8, depthwise_initializer=i), (4, 18, 18, 64), 0),
        (lambda i: L.Conv2DTranspose(256, 4, strides=2, kernel_initializer=i), (4, 16, 16, 64), 4),
        (lambda i: L.Conv1DTranspose(256, 6, strides=3, kernel_initializer=i), (8, 40, 64), 6),
    ],
    ids=["dense", "einsum", "conv1d", "grouped", "depthwise", "transposed2d", "transposed1d"],
)
def test_lecun_keeps_the_variance_of_white_noise_through_every_layer(make, shape, crop):
    """fan_in read the right way round: each output channel's variance is 1 over its own weights' draw."""
    out = outputs_of(make(to_keras("lecun_normal", seed=2)), *shape)
    inner = tuple(slice(crop, size - crop) for size in out.shape[1:-1])
    channels = out[(slice(None), *inner)]
    per_channel = channels.reshape(-1, channels.shape[-1]).var(axis=0)
    error = per_channel.std() / math.sqrt(len(per_channel))
    assert abs(per_channel.mean() - 1) < SIGMAS * error
    assert SIGMAS * error < 0.2


def test_gates_are_maps_of_their_own():
    lstm = built(L.LSTM(64, recurrent_initializer=to_keras("orthogonal", seed=0)), 5, 10)
    gates = numbers(lstm.cell.recurrent_kernel).reshape(64, 4, 64).transpose(1, 0, 2)
    for gate in gates:
        assert np.abs(gate @ gate.T - np.eye(64)).max() < 1e-5
    gru = built(L.GRU(200, kernel_initializer=to_keras(ig.VarianceScaling(1.0, "fan_out"), seed=0)), 5, 300)
    kernel = numbers(gru.cell.kernel)
    assert abs(kernel.std() * math.sqrt(200) - 1) < SIGMAS / math.sqrt(2 * kernel.size)


def test_embeddings_are_read_row_by_row():
    table = numbers(
        built(L.Embedding(2000, 50, embeddings_initializer=to_keras("lecun_normal", seed=0))).embeddings
    )
    assert abs(table.std() - 1) < SIGMAS / math.sqrt(2 * table.size)


def test_one_instance_serves_many_layers():
    init = to_keras("he_normal", seed=0)
    layers = [built(L.Dense(8, kernel_initializer=init, name=name), 8) for name in ("a", "b")]
    lstm = built(L.LSTM(8, kernel_initializer=init, recurrent_initializer=init, name="c"), 5, 8)
    kernels = [numbers(layer.kernel) for layer in layers]
    kernels += [numbers(lstm.cell.kernel), numbers(lstm.cell.recurrent_kernel)]
    assert len({kernel.tobytes() for kernel in kernels}) == 4
    np.testing.assert_array_equal(numbers(init((8, 8))), numbers(init((8, 8))))
    fixed = to_keras("he_normal", seed=0, path="same")
    twice = [numbers(built(L.Dense(8, kernel_initializer=fixed), 8).kernel) for _ in range(2)]
    np.testing.assert_array_equal(*twice)


def test_configurations_make_the_round_trip():
    init = to_keras(ig.MirroredOrthogonal("gelu"), seed=7, path="p", layout="in out", groups=2)
    again = igk.IsogainInitializer.from_config(init.get_config())
    assert again.get_config() == init.get_config()
    assert keras.initializers.get(keras.initializers.serialize(init)).get_config() == init.get_config()
    for name in initializers.CLASSES:
        one = getattr(initializers, name)()
        assert type(one).from_config(one.get_config()).get_config() == one.get_config()
        assert set(one.get_config()) >= set(getattr(keras.initializers, name)().get_config())


def test_mistakes_are_told():
    with pytest.raises(InitializerError, match="did you mean"):
        to_keras("he_nromal")
    with pytest.raises(InitializerError, match="seed"):
        to_keras("he_normal", seed=0.5)
    with pytest.raises(LayoutError, match="no fans"):
        built(L.Dense(4, bias_initializer=to_keras("he_normal", seed=0)), 3)
    built(L.Dense(4, bias_initializer=to_keras("keras.HeNormal", seed=0)), 3)


@on_torch
def test_inspect_names_the_layer_that_is_wrong():
    x = np.random.default_rng(0).normal(size=(64, 32)).astype("float32")
    small = keras.initializers.RandomNormal(stddev=0.001, seed=0)
    layers = [L.Dense(64, "tanh", kernel_initializer=small, name=f"d{k}") for k in range(12)]
    model = keras.Sequential([keras.Input((32,)), *layers, L.Dense(4, name="head")])
    before = [numbers(v).copy() for v in model.variables]
    report = igk.inspect(model, x)
    assert report.verdict == "critical"
    assert "vanishing-forward" in {finding.code for finding in report.findings}
    assert any(layer.path == "d3" for layer in report.layers)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, numbers(variable))
    igk.init_(model, x, seed=0)
    assert igk.inspect(model, x).verdict == "healthy"


@on_torch
def test_init_reads_keras_kernels_the_right_way_round():
    """Convolutions, grouped, depthwise and transposed: every kernel is drawn, and every signal keeps its size."""
    x = np.random.default_rng(0).normal(size=(16, 16, 16, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((16, 16, 4)),
            L.Conv2D(24, 3, activation="relu", name="plain"),
            L.Conv2D(48, 3, groups=3, activation="relu", name="grouped"),
            L.DepthwiseConv2D(3, activation="relu", name="depthwise"),
            L.Conv2DTranspose(12, 4, strides=2, activation="relu", name="up"),
            L.Flatten(),
            L.Dense(5, name="head"),
        ]
    )
    plan = igk.plan(model, x)
    assert {entry.path for entry in plan.drawn} == {
        f"{name}.{kind}"
        for name in ("plain", "grouped", "depthwise", "up", "head")
        for kind in ("kernel", "bias")
    }
    assert (plan["grouped.kernel"].layout, plan["grouped.kernel"].groups) == ("* in out", 3)
    igk.init_(model, x, seed=1)
    outputs = keras.Model(model.inputs, [layer.output for layer in model.layers])(x)
    sizes = [float(np.sqrt(np.mean(numbers(out) ** 2))) for out in outputs]
    assert max(sizes[:-1]) / min(sizes[:-1]) < 6, sizes
    first = numbers(model.get_layer("plain").kernel).copy()
    igk.init_(model, x, seed=1)
    np.testing.assert_array_equal(first, numbers(model.get_layer("plain").kernel))


@on_torch
def test_a_model_built_by_its_first_call_can_be_inspected():
    class Small(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = L.Dense(16, "relu"), L.Dense(2)

        def call(self, x):
            return self.head(self.hidden(x))

    report = igk.inspect(Small(), np.random.default_rng(0).normal(size=(32, 8)).astype("float32"))
    assert {"hidden", "dense"} & {layer.path.split(".")[0].split("_")[0] for layer in report.layers}
    with pytest.raises(InspectError, match=r"keras\.Model"):
        igk.inspect(np.ones(3), np.ones((2, 3)))


def run(program: str, backend: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.run([sys.executable, "-c", program, backend], capture_output=True, text=True, env=environment, check=False)  # fmt: skip


def test_every_backend_has_the_bits_of_draw():
    backends = [name for name in ("torch", "jax", "tensorflow") if importlib.util.find_spec(name)]
    digests = {}
    for name in backends:
        done = run(BITS, name)
        assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
        digests[name] = done.stdout.split()[-1]
    assert len(set(digests.values())) == 1, digests


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_tensorflow_1_variables_and_their_partitions():
    done = run(TENSORFLOW_1, "tensorflow")
    assert done.stdout.split()[-1:] == ["same"], done.stderr[-2000:]
