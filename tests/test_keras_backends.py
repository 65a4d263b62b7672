"""Keras on its backends: the same plan and the same bits on JAX's and torch's, a clear word on TensorFlow's."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("keras")

PROGRAM = """
import json, keras, numpy as np
import isogain.keras as igk

x, y = np.random.default_rng(0).normal(size=(64, 8)).astype("float32"), np.arange(64) % 3
layers = [keras.layers.Dense(16, "tanh", name=f"hidden{k}") for k in range(6)]
model = keras.Sequential([keras.Input((8,)), *layers, keras.layers.Dense(3, name="head")])
for k, one in enumerate(model.trainable_variables):
    one.assign(np.random.default_rng(k).normal(size=one.shape) * (0.3 if len(one.shape) > 1 else 0))
report = igk.inspect(model, (x, y), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
plan = igk.plan(model, x)
by_hand = x
for layer in model.layers[:-1]:
    by_hand = np.tanh(by_hand @ keras.ops.convert_to_numpy(layer.kernel))
logits = by_hand @ keras.ops.convert_to_numpy(model.layers[-1].kernel)
logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
receipt = igk.init_(model, x, seed=3, keep_healthy=False)
gru = keras.Sequential([keras.Input((5, 4)), keras.layers.GRU(6, name="g"), keras.layers.Dense(2, name="o")])
gates = igk.plan(gru, np.random.default_rng(1).normal(size=(8, 5, 4)).astype("float32"))
print(json.dumps({
    "loss": report.table.loss_value, "by_hand": float(-logs[np.arange(64), y].mean()),
    "slopes": report.slopes, "plan": {e.path: str(e.initializer) for e in plan.values()},
    "weights": keras.ops.convert_to_numpy(model.layers[0].kernel).tolist(),
    "after": [round(gain.after, 4) for gain in receipt.gains], "verdict": igk.inspect(model, x).verdict,
    "gates": {e.path: e.layout for e in gates.values()},
}))
"""


def run(backend: str, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("jax")
    pytest.importorskip("torch")
    done = {backend: run(backend) for backend in ("jax", "torch")}
    for one in done.values():
        assert one.returncode == 0, one.stderr
    return {backend: json.loads(one.stdout.splitlines()[-1]) for backend, one in done.items()}


def test_losses_of_keras_take_their_targets_from_the_inputs(found):
    for one in found.values():
        assert one["loss"] == pytest.approx(one["by_hand"], rel=1e-4)


def test_plan_and_bits_are_the_same_on_both(found):
    assert found["jax"]["plan"] == found["torch"]["plan"]
    assert found["jax"]["weights"] == found["torch"]["weights"]
    assert found["jax"]["after"] == pytest.approx(found["torch"]["after"], rel=1e-3)
    assert found["jax"]["gates"] == found["torch"]["gates"]
    assert {one["verdict"] for one in found.values()} == {"healthy"}


def test_a_dense_layer_is_one_layer_to_the_slopes(found):
    for key in ("signal", "gradient"):
        assert found["jax"]["slopes"][key] == pytest.approx(found["torch"]["slopes"][key], abs=0.01)


def test_fixes_on_jax_are_lines_that_mend():
    pytest.importorskip("jax")
    program = (
        PROGRAM.partition("report =")[0]
        + """
model.layers[3].kernel.assign(model.layers[3].kernel * 1e-4)
report = igk.inspect(model, x)
fix = report.findings[0].fix
exec(fix)
print(json.dumps([report.verdict, fix, igk.inspect(model, x).verdict]))
"""
    )
    done = run("jax", program)
    before, fix, after = json.loads(done.stdout.splitlines()[-1])
    assert before != "healthy"
    assert fix.startswith("igk.mend_(model, ")
    assert after == "healthy"


def test_tensorflow_says_what_to_do():
    pytest.importorskip("tensorflow")
    done = run(
        "tensorflow",
        "import keras, isogain.keras as igk\nigk.inspect(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), [[1.0] * 4])",
    )
    assert "KERAS_BACKEND=jax or torch" in done.stderr
