"""The playground's numbers are `ig.draw`'s: bit for bit where they are drawn, to rounding where they are summed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isogain as ig
from drawing_samples import LAWS as SAMPLES
from isogain.drawing.key import Key
from isogain.playground.knobs import ACTIVATIONS
from isogain.theory import predict
from playground_pages import LAWS, complete, floats, played
from report_browser import chromium

pytestmark = pytest.mark.browser
GOLDEN = json.loads((Path(__file__).parent / "golden" / "drawing.json").read_text())
ROUNDED = ("orthogonal",)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium() as browser, played(browser, tmp_path_factory.mktemp("numbers")) as found:
        yield found.page


def same_bits(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> bool:
    return bool((first.ravel().view(np.uint32) == second.ravel().view(np.uint32)).all())


# ---- from a seed to words -----------------------------------------------------------------------------


def test_the_hash_is_blake2b(page):
    messages = [
        bytes(i % 251 for i in range(length)) for length in (0, 1, 28, 63, 127, 128, 129, 255, 256, 257, 700)
    ]
    found = page.evaluate(
        "(all) => all.map((m) => [...blake2b(Uint8Array.from(m), 12, 'isogain')])",
        [list(m) for m in messages],
    )
    assert [bytes(digest) for digest in found] == [
        hashlib.blake2b(m, digest_size=12, person=b"isogain").digest() for m in messages
    ]


def test_philox_gives_the_published_known_answers(page):
    known = [
        ([0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, [2**32 - 1] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ]
    script = "([c, k]) => { const out = new Uint32Array(4); philox.block([...k, c[2]], c[0], c[1], c[3], out, 0, 1); return [...out]; }"
    for counter, key, words in known:
        assert page.evaluate(script, [counter, key]) == [int(word, 16) for word in words.split()]


@pytest.mark.parametrize("seed", [0, 1, -1, 2**53 - 1, 2**64, 2**127 - 1, -(2**127)])
@pytest.mark.parametrize("path", ["", "W1", "ä.b", "中文", "w" * 300])
def test_keys(page, seed, path):
    key = Key.of(seed, path)
    assert page.evaluate("([s, p]) => philox.key(BigInt(s), p)", [str(seed), path]) == [
        key.word0,
        key.word1,
        key.stream,
    ]


# ---- from words to weights --------------------------------------------------------------------------


def law_of(name: str) -> dict[str, Any]:
    law = SAMPLES[name]
    if hasattr(law, "location"):
        bounds = {"low": law.low, "high": law.high} if hasattr(law, "low") else {}
        kind = "truncated" if bounds else "normal"
        return {"kind": kind, "mean": law.location, "sigma": law.scale, **bounds}
    return {"kind": "uniform", "low": law.low, "high": law.high}


@pytest.mark.parametrize("name", ["normal", "normal_shifted", "uniform", "uniform_symmetric", "truncated_2"])
def test_golden_vectors(page, name):
    expected = GOLDEN[f"{name} float32"]
    script = "draw.elements(a[0], philox.key(BigInt(a[1]), 'golden'), a[2], a[3])"
    first = floats(page, script, [law_of(name), "2026", 4, 0])
    many = floats(page, script, [law_of(name), "-1", 2000, 2**33 - 1001])
    assert [value.tobytes().hex() for value in first] == expected["first"]
    assert hashlib.blake2b(many.tobytes(), digest_size=16).hexdigest() == expected["digest"]


@pytest.mark.parametrize("name", ["normal", "truncated_normal"])
def test_deep_tails_and_rare_roundings_too(page, name):
    """300,000 values hold about nine beyond 4.17 sigma, and dozens midway between two floats before the last rounding."""
    mine = floats(page, "draw(a, 500, 600, 5, 'many')", LAWS[name])
    assert same_bits(mine, ig.draw(name, (500, 600), layout="in out", seed=5, path="many"))


@pytest.mark.parametrize("gain", [1, 1.7, 0.03])
@pytest.mark.parametrize("name", LAWS)
def test_the_line_that_is_shown_draws_what_is_shown(page, name, gain):
    """The page's own Python, run: every law, as wide as the catalog has it and not, square and not."""
    for knobs in ({"depth": 3, "width": 100}, {"depth": 1, "width": 30, "inputs": "digits", "seed": 7}):
        state = complete(law=name, gain=gain, **knobs)
        scaled = "({...a, initializer: laws.scaled(a.initializer, a.gain)})"
        line = page.evaluate(f"(a) => python.line({scaled})", state)
        inputs = 64 if "inputs" in knobs else 100
        layer = min(2, state["depth"])
        mine = floats(page, f"draw({scaled}.initializer, {inputs}, a.width, a.seed, 'W{layer}')", state)
        theirs = eval(line, {"ig": ig})
        if name in ROUNDED:
            assert np.allclose(mine, theirs.ravel(), rtol=0, atol=2e-6 * gain)
        else:
            assert same_bits(mine, theirs), line


def test_the_comparison_can_fail(page):
    mine = floats(page, "draw(a, 100, 100, 1, 'W1')", LAWS["he_normal"])
    assert not same_bits(mine, ig.draw("he_normal", (100, 100), seed=0, path="W1"))
    assert not same_bits(mine, np.nextafter(mine, np.float32(9)))


# ---- arithmetic of the layers ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(page, name):
    phi = ig.activation(name)
    x = np.concatenate([np.linspace(-20, 20, 4001), [1e-12, -1e-12, 1e-30, 0.5 + 1e-7]]).astype(np.float32)
    x = x[x != 0]
    values = floats(page, f"apply(Float32Array.from(a), activations.{name}).a", x.tolist())
    slopes = floats(page, f"apply(Float32Array.from(a), activations.{name}).slopes", x.tolist())
    assert np.allclose(values, phi(x), rtol=3e-6, atol=2e-7)
    assert np.allclose(slopes, phi.derivative(x), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (1000, 100, 100), (64, 2, 100), (101, 64, 10)])
def test_products_of_matrices(page, shape):
    rows, inner, columns = shape
    generator = np.random.default_rng(1)
    a, b = (
        generator.normal(size=(rows, inner)).astype("f4"),
        generator.normal(size=(inner, columns)).astype("f4"),
    )
    assert page.evaluate("multiply.native")
    for name in ("multiply", "multiply.plain"):
        script = f"{name}(Float32Array.from(a[0]), Float32Array.from(a[1]), {rows}, {inner}, {columns})"
        found = floats(page, script, [a.ravel().tolist(), b.ravel().tolist()]).reshape(rows, columns)
        assert np.allclose(found, a.astype(float) @ b.astype(float), rtol=1e-5, atol=1e-5 * inner**0.5)


STATES = [
    {},
    {"activation": "tanh", "law": "lecun_normal", "bias": 0.3, "seed": 3},
    {"activation": "gelu", "normalization": "layer", "residual": "depth", "depth": 6},
    {"activation": "silu", "normalization": "rms", "residual": "one", "width": 37},
    {"law": "small_normal", "normalization": "batch", "depth": 4, "inputs": "uniform"},
    {"activation": "sigmoid", "law": "glorot_uniform", "inputs": "digits", "width": 50},
]


@pytest.mark.parametrize("knobs", STATES, ids=str)
def test_the_script_that_is_shown_prints_what_is_shown(page, knobs):
    state = complete(**knobs)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(page.evaluate("(a) => python.script(a)", state), {})
    theirs = [
        [float(n) for n in re.findall(r"(?:mean|std) (\S+?),?(?=\s|$)", line)]
        for line in printed.getvalue().splitlines()
    ]
    layers = page.evaluate("(a) => measure.run(a)", state)["layers"]
    mine = [[layer["activation"]["mean"], layer["activation"]["std"]] for layer in layers]
    assert len(mine) == state["depth"]
    assert np.allclose(mine, theirs, rtol=2e-3, atol=2e-4)


def forward(
    torch: Any, state: dict[str, Any], x: Any, weights: list[Any], biases: list[Any]
) -> tuple[list[Any], Any]:
    """The network of `network.js`, written again with torch's layers: pre-activations, and what comes out."""
    functional, width = torch.nn.functional, state["width"]
    norms = {
        "none": lambda u: u,
        "batch": lambda u: functional.batch_norm(u, None, None, training=True),
        "layer": lambda u: functional.layer_norm(u, (width,)),
        "rms": lambda u: u / (u.square().mean(1, keepdim=True) + 1e-5).sqrt(),
    }
    act = {
        "relu": torch.relu,
        "tanh": torch.tanh,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "sigmoid": torch.sigmoid,
    }[state["activation"]]
    scale = {"none": 0.0, "one": 1.0, "depth": state["depth"] ** -0.5}[state["residual"]]
    seen, a = [], x
    for weight, bias in zip(weights, biases, strict=True):
        branch = a @ weight + bias
        joined = scale and seen and seen[-1].shape == branch.shape
        u = seen[-1] + scale * branch if joined else branch
        seen.append(u)
        a = act(norms[state["normalization"]](u))
    return seen, a


def drawn(state: dict[str, Any], sizes: list[int]) -> tuple[list[Any], list[Any]]:
    torch = pytest.importorskip("torch")
    weights = [torch.tensor(ig.draw(state["law"], (i, o), layout="in out", seed=state["seed"], path=f"W{n}"), requires_grad=True)
               for n, (i, o) in enumerate(itertools.pairwise(sizes), 1)]  # fmt: skip
    biases = [torch.tensor(ig.draw(ig.Normal(state["bias"]), (o,), layout="out", seed=state["seed"], path=f"b{n}"), requires_grad=True)
              for n, o in enumerate(sizes[1:], 1)]  # fmt: skip
    return weights, biases


@pytest.mark.parametrize("knobs", STATES[:5], ids=str)
def test_gradients_are_those_of_autograd(page, knobs):
    torch = pytest.importorskip("torch")
    state = complete(**knobs)
    law = ig.Uniform(-(3**0.5), 3**0.5) if state["inputs"] == "uniform" else "normal"
    x = torch.tensor(ig.draw(law, (1000, state["width"]), seed=state["seed"], path="x"))
    weights, biases = drawn(state, [state["width"]] * (state["depth"] + 1))
    seen, _ = forward(torch, state, x, weights, biases)
    for u in seen:
        u.retain_grad()
    seen[-1].backward(
        torch.tensor(ig.draw("normal", (1000, state["width"]), seed=state["seed"], path="gradient"))
    )
    layers = page.evaluate("(a) => measure.run(a)", state)["layers"]
    assert np.allclose(
        [layer["gradient"]["rms"] for layer in layers],
        [float(u.grad.square().mean().sqrt()) for u in seen],
        rtol=2e-3,
    )
    assert np.allclose(
        [layer["signal"] for layer in layers],
        [float(u.detach().square().mean().sqrt()) for u in seen],
        rtol=1e-3,
    )


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"normalization": "batch", "activation": "tanh", "bias": 0.1},
        {"normalization": "layer", "residual": "one", "activation": "gelu"},
    ],
    ids=str,
)
def test_training_is_stochastic_gradient_descent(page, knobs):
    """Ten steps on the moons, loss by loss, against torch on the same batches."""
    torch = pytest.importorskip("torch")
    state = complete(law="glorot_normal", width=32, depth=3, steps=20, rate=0.1, task="moons", **knobs)
    script = "(a) => { let last; for (const one of training.race(a, [a.initializer])) last = one; return last.losses[0]; }"
    losses = page.evaluate(script, state)
    train = page.evaluate(
        "(a) => { const { train } = data.set('moons', a.seed); return [[...train.x], [...train.labels]]; }",
        state,
    )
    x, labels = torch.tensor(train[0]).reshape(-1, 2), torch.tensor(train[1])
    order = (ig.draw(ig.Uniform(0.0, 1.0), (20, 64), seed=0, path="batches") * np.float64(300)).astype(int)
    weights, biases = drawn(state, [2, 32, 32, 32, 2])
    optimizer = torch.optim.SGD([*weights, *biases], lr=0.1)
    theirs = []
    for rows in order[:10]:
        _, a = forward(torch, state, x[rows], weights[:-1], biases[:-1])
        loss = torch.nn.functional.cross_entropy(a @ weights[-1] + biases[-1], labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        theirs.append(loss.item())
    assert np.allclose(losses[:10], theirs, rtol=5e-3)


# ---- theory ------------------------------------------------------------------------------------------

THEORY = [
    ({"activation": "relu", "law": "he_normal"}, {"weight_variance": 2.0}),
    (
        {"activation": "tanh", "law": "lecun_normal", "bias": 0.2},
        {"weight_variance": 1.0, "bias_variance": 0.04},
    ),
    ({"activation": "tanh", "law": "orthogonal"}, {"weight_variance": 1.0, "weights": "orthogonal"}),
    ({"activation": "gelu", "law": "he_uniform"}, {"weight_variance": 2.0}),
    ({"activation": "tanh", "law": "normal"}, {"weight_variance": 100.0}),
    (
        {"activation": "relu", "law": "he_normal", "normalization": "batch"},
        {"weight_variance": 2.0, "normalization": "batch"},
    ),
    (
        {"activation": "silu", "law": "he_normal", "normalization": "layer"},
        {"weight_variance": 2.0, "normalization": "layer"},
    ),
    (
        {"activation": "elu", "law": "lecun_normal", "normalization": "rms"},
        {"weight_variance": 1.0, "normalization": "rms"},
    ),
]


@pytest.mark.parametrize(("knobs", "asked"), THEORY, ids=[str(knobs) for knobs, _ in THEORY])
def test_curves_and_bands_are_those_of_isogain_theory(page, knobs, asked):
    state = complete(depth=8, width=100, **knobs)
    found = page.evaluate("([a, s]) => theory(a, s, {rms: 1, cosine: 0.3})", [state, [100] * 9])
    layers = predict(
        knobs["activation"], depth=8, width=100, input_correlation=0.3, pairs=False, **asked
    ).layers
    assert np.allclose(np.square(found["signal"]), [layer.variance for layer in layers], rtol=2e-3)
    assert np.allclose(np.square(found["gradient"]), [layer.gradient_variance for layer in layers], rtol=5e-3)
    assert np.allclose(found["cosine"], [layer.correlation for layer in layers], atol=0.01)
    for name, key in (("signalBand", "variance_band"), ("gradientBand", "gradient_band")):
        mine = np.log(np.square(found[name]))
        theirs = np.log([getattr(layer, key) for layer in layers])
        room = 0.03 + 0.2 * (theirs[:, 1] - theirs[:, 0])[:, None]
        assert (np.abs(mine - theirs) < room).all(), (
            name,
            np.round(mine, 2).tolist(),
            np.round(theirs, 2).tolist(),
        )
