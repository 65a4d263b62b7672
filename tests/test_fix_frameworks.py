"""Fixes run as written where the model lives: on Keras' variables, on JAX's trees."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("jax")
import jax
import jax.numpy as jnp

import isogain.jax

KERAS = """
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy as np, torch
import isogain.keras as igk, isogain.torch as igt

def built(initializer):
    dense = lambda k: keras.layers.Dense(24, "tanh", kernel_initializer=initializer, name=f"h{k}")
    return keras.Sequential([keras.Input((24,)), *[dense(k) for k in range(4)], keras.layers.Dense(3, name="head")])

inputs = np.random.default_rng(0).normal(size=(64, 24)).astype("float32")
for initializer, kept in ((keras.initializers.GlorotUniform(seed=3), "h0"), ("zeros", "head")):
    model = built(initializer)
    before = {v.path: np.array(v) for v in model.variables}
    report = igk.inspect(model, inputs)
    assert report.verdict != "healthy"
    exec(report.findings[0].fix)
    after = {v.path: np.array(v) for v in model.variables}
    changed = {path for path in before if not np.array_equal(before[path], after[path])}
    assert changed and not any(kept in path or "bias" in path for path in changed), changed
    assert igk.inspect(model, inputs).verdict == "healthy", str(igk.inspect(model, inputs))
print("fine")
"""


def test_on_keras():
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", KERAS], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("fine"), done.stderr[-2000:]


def tree(depth=8, width=32):
    keys = jax.random.split(jax.random.key(0), depth + 1)
    layers = [
        {"w": jax.random.normal(k, (width, width)) * (2 / width) ** 0.5, "b": jnp.zeros(width)} for k in keys
    ]
    return {"layers": layers[:-1], "head": layers[-1]["w"] * 0.5}


def network(params, x):
    for layer in params["layers"]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    return x @ params["head"]


def quiet(params):
    params["layers"][4]["w"] = params["layers"][4]["w"] * 1e-6
    return {"layers.4.w"}


def copied(params):
    params["layers"][5]["w"] = params["layers"][2]["w"]
    return {"layers.5.w"}


def broken(params):
    params["layers"][3]["w"] = params["layers"][3]["w"].at[1].set(jnp.nan)
    return {"layers.3.w"}


def shifted(params):
    for layer in params["layers"]:
        layer["b"] = layer["b"] - 8.0
    return {f"layers.{k}.b" for k in range(8)}


@pytest.mark.parametrize("fault", [quiet, copied, broken, shifted])
def test_on_jax(fault):
    params, inputs = tree(), jax.random.normal(jax.random.key(1), (64, 32))
    expected = fault(params)
    report = isogain.jax.inspect(network, params, inputs)
    assert report.verdict != "healthy"
    scope = {"params": params, "inputs": inputs, "isogain": isogain}
    exec(next(f.fix for f in report.findings if f.fix), scope)
    leaves, after = (jax.tree_util.tree_leaves_with_path(one) for one in (params, scope["params"]))
    changed = {
        ".".join(str(getattr(k, "key", getattr(k, "idx", k))) for k in path)
        for (path, old), (_, new) in zip(leaves, after, strict=True)
        if not np.array_equal(old, new)
    }
    assert changed == expected
    assert isogain.jax.inspect(network, scope["params"], inputs).verdict == "healthy"
