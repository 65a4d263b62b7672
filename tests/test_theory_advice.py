"""Advice: initializers that exist, reasons, and expectations that drawn networks meet."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import isogain as ig
from isogain.core.activations import activation, names
from isogain.theory import TheoryError, advise

FUNCTIONS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": torch.nn.functional.gelu, "elu": torch.nn.functional.elu,
             "softplus": torch.nn.functional.softplus, "sigmoid": torch.sigmoid}  # fmt: skip


def drawn_gain(advice, name, depth, width, seeds=12):
    """Geometric mean factor a layer on the size of pre-activations, in networks drawn as advised."""
    gains = []
    roles = {choice.role for choice in advice.choices}
    for seed in range(seeds):
        states, sizes = torch.randn(64, width, dtype=torch.float64), []
        for layer in range(depth):
            role = "first" if layer == 0 and "first" in roles else "hidden"
            path = f"layer{layer}"
            weight = ig.draw(advice[role], (width, width), layout="in out", seed=seed, path=f"{path}.weight")
            bias = ig.draw(advice["bias"], (width,), layout="out", seed=seed, path=f"{path}.bias")
            states = states @ torch.tensor(weight, dtype=torch.float64) + torch.tensor(
                bias, dtype=torch.float64
            )
            sizes.append(float(states.square().mean()))
            states = FUNCTIONS[name](states)
        gains.append((math.log(sizes[-1]) - math.log(sizes[0])) / (2 * (depth - 1)))
    return np.array(gains)


@pytest.mark.parametrize(
    ("name", "depth", "method"),
    [
        ("relu", 6, "Gaussian"),
        ("relu", 40, "mirrored"),
        ("tanh", 40, "orthogonal"),
        ("gelu", 40, "mirrored"),
        ("elu", 30, "mirrored"),
        ("softplus", 20, "mirrored"),
    ],
)
def test_networks_drawn_as_advised_have_the_expected_gain(name, depth, method):
    advice = advise(name, depth, 128)
    assert advice.method.startswith(method)
    gains = drawn_gain(advice, name, depth, 128)
    tolerance = 5 * gains.std() / math.sqrt(len(gains)) + 0.003
    if advice.spread:  # one draw strays from the mean field by the spread that was announced
        tolerance += 3 * (
            advice.spread / (2 * (depth - 1)) / math.sqrt(len(gains)) + advice.spread**2 / (4 * depth)
        )
    assert abs(gains.mean() - math.log(advice.gain_per_layer)) < tolerance
    assert advice.trainable_depth >= depth


@pytest.mark.parametrize("name", names())
def test_every_activation_gets_advice_that_can_be_drawn(name):
    for depth in (3, 60):
        advice = advise(name, depth, 32)
        for choice in advice.choices:
            shape, layout = (
                ((32,), "out") if "bias" in choice.role or "norm" in choice.role else ((32, 32), "in out")
            )
            assert np.isfinite(
                ig.draw(choice.initializer, shape, layout=layout, seed=1, path=choice.role)
            ).all()
            assert ig.Initializer.from_json(choice.initializer.to_json()) == choice.initializer
            assert choice.reason
        assert len(advice.answers) == 6
        assert all(len(one.answer) > 40 for one in advice.answers)
        json.dumps(advice.to_dict(), allow_nan=False)


def test_the_textbook_cases():
    assert advise("relu", 5, 100)["hidden"] == ig.get("he_normal")
    assert advise("tanh", 50, 128)["hidden"].gain == pytest.approx(1.148047, abs=1e-6)
    assert advise("relu", 5, 100)["bias"] == ig.get("zeros")
    gelu = advise("gelu", 5, 512)
    assert gelu["hidden"].scale == pytest.approx(2.351716, abs=1e-6)  # 1 / E[gelu(z)^2]
    assert gelu["bias"] == ig.get("zeros")
    assert advise("leaky_relu", 4, 64)["hidden"].scale == pytest.approx(2 / (1 + 1e-4))


@pytest.mark.parametrize("depth", [2, 8, 9, 50])
@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "sigmoid", "elu"])
def test_advice_is_what_the_plan_of_such_a_network_says(name, depth):
    """Two ways to the same answer: from numbers alone, and read off a model."""
    import isogain.torch as igt

    modules = {"gelu": torch.nn.GELU, "relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid,
               "elu": torch.nn.ELU}  # fmt: skip
    layers = [part for _ in range(depth - 1) for part in (torch.nn.Linear(64, 64), modules[name]())]
    plan = igt.plan(torch.nn.Sequential(*layers, torch.nn.Linear(64, 10)), torch.randn(8, 64))
    advice = advise(name, depth, 64)
    found = [plan[f"{place}.weight"].initializer for place in (0, 2, 2 * depth - 2)]
    wanted = [advice["first"], advice["hidden"], advice["last"]]
    assert (found if depth > 2 else found[::2]) == (wanted if depth > 2 else wanted[::2])


def test_normalization_and_residual_branches():
    batch = advise("relu", 50, 128, normalization="batch")
    assert batch.gradient_gain_per_layer**2 == pytest.approx(math.pi / (math.pi - 1))
    assert any("beyond the trainable depth" in text for text in batch.warnings)
    assert batch["norm scale"] == ig.get("ones")
    deep = advise("relu", 64, 128, residual=True)
    assert deep["branch output"].scale == pytest.approx(deep["hidden"].scale / 64)
    assert math.isinf(deep.trainable_depth)
    assert deep.to_dict()["trainable_depth"] is None


def test_a_clip_is_weighed_against_the_start():
    clipped = advise("relu", 5, 100, weight_clip=0.1)
    assert any("clipping weights at 0.1" in text for text in clipped.warnings)
    text = next(one.answer for one in clipped.answers if "clipping" in one.question)
    weights = np.clip(np.random.default_rng(0).standard_normal(1_000_000) * math.sqrt(2 / 100), -0.1, 0.1)
    assert f"{(weights**2).mean() / 0.02:.1%}"[:3] in text
    assert not advise("relu", 5, 100, weight_clip=1.0).warnings


def test_sigmoid_is_told_plainly():
    advice = advise("sigmoid", 20, 128)
    assert not advice.critical.exists
    assert "no critical point exists" in " ".join(one.answer for one in advice.answers)
    shallow = advise("sigmoid", 2, 128)
    assert shallow["hidden"].scale == pytest.approx(3.408560, abs=1e-6)  # 1 / E[sigmoid(z)^2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"depth": 0}, "depth"),
        ({"width": 1.5}, "width"),
        ({"normalization": "bath"}, "normalization must be one of"),
        ({"optimizer": "sdg"}, "optimizer must be one of"),
        ({"weight_clip": -1.0}, "weight_clip"),
        ({"classes": 1}, "classes"),
        ({"activation": "rellu"}, "did you mean"),
    ],
)
def test_bad_questions_are_refused(arguments, complaint):
    with pytest.raises(ig.IsogainError, match=complaint):
        advise(**arguments)
    with pytest.raises(TheoryError, match="no role"):
        advise("relu", 3, 64)["hiden"]


def test_custom_activations_get_advice():
    advice = advise(lambda x: np.where(x > 0, x, 0.3 * x), 4, 256)
    assert advice["hidden"].scale == pytest.approx(2 / 1.09, rel=1e-6)
    assert activation("relu").name in str(advise("relu"))


class TestCommand:
    """`isogain theory` and `isogain advise`."""

    def run(self, *arguments):
        from isogain.cli import app

        return CliRunner().invoke(app.app, [str(argument) for argument in arguments])

    def test_theory_prints_a_table_and_a_picture(self):
        result = self.run("theory", "gelu", "--depth", 8, "--width", 64)
        assert result.exit_code == 0
        assert "1.98306" in result.output
        assert "Layer by layer" in result.output
        assert max(map(len, result.output.splitlines())) <= 100

    def test_json_is_for_programs(self):
        document = json.loads(self.run("theory", "tanh", "--depth", 4, "--json").output)
        assert document["critical_point"]["weight_variance"] == 1
        assert len(document["prediction"]["layers"]) == 4
        advice = json.loads(self.run("advise", "--activation", "tanh", "--depth", 50, "--json").output)
        assert ig.Initializer.from_dict(advice["choices"][1]["initializer"]) == advise("tanh", 50)["hidden"]

    def test_pages_are_written(self, tmp_path):
        for arguments in (("theory", "elu", "--depth", 5), ("advise", "--activation", "relu")):
            page = tmp_path / f"{arguments[0]}.html"
            assert self.run(*arguments, "--html", page).exit_code == 0
            assert "<html" in page.read_text()

    def test_structures_are_predicted_and_the_line_repeats_it(self):
        asked = ("theory", "relu", "--depth", 6, "--width", 32, "--residual", "auto", "--dropout", 0.1,
                 "--kernel", 3, "--size", "8x8", "--normalization", "batch")  # fmt: skip
        document = json.loads(self.run(*asked, "--json").output)
        structure = document["prediction"]["structure"]
        assert structure["residual"] == pytest.approx(6**-0.5)
        assert (structure["kernel"], structure["size"], structure["normalization"]) == (3, [8, 8], "batch")
        shown = " ".join(self.run(*asked).output.split())
        command = shown.partition("Repeat isogain ")[2].split()
        assert json.loads(self.run(*command, "--json").output)["prediction"] == document["prediction"]
        for wrong in (
            ("--size", "8by8"),
            ("--residual", "much"),
            ("--kernel", 4, "--size", 8),
            ("--dropout", 2),
        ):
            assert self.run("theory", "relu", "--depth", 3, *wrong).exit_code == 2

    def test_parameters_and_errors(self):
        result = self.run("theory", "leaky_relu", "--set", "negative_slope=0.2", "--depth", 3, "--json")
        assert json.loads(result.output)["critical_point"]["weight_variance"] == pytest.approx(2 / 1.04)
        assert self.run("theory", "leaky_relu", "--set", "negative_slope").exit_code == 2
        wrong = self.run("theory", "rellu")
        assert wrong.exit_code == 2
        assert "did you mean relu" in wrong.output
        assert self.run("theory", "sigmoid", "--depth", 3).exit_code == 0
