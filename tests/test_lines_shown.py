"""A part of a result, last in a cell, is a line of words and no list of fields."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import isogain as ig
import isogain.torch as igt
from isogain import lab
from isogain.rendering import Line


def parts() -> list[object]:
    """What people take out of reports, trials, predictions and identifications."""
    torch.manual_seed(0)
    model = nn.Sequential(*[part for _ in range(20) for part in (nn.Linear(16, 16), nn.ReLU())])
    x = torch.randn(64, 16)
    report = igt.inspect(model, x)
    trial = igt.trial(
        lambda: nn.Linear(16, 1), (x.numpy(), x[:, :1].numpy()), ("own", "he_normal"), loss="mse_loss",
        optimizers="sgd", rates=0.01, steps=3, seeds=2, workers=1, results=None, progress=False,
    )  # fmt: skip
    found = igt.identify({"w": nn.init.normal_(torch.empty(100, 100), std=0.02)})
    return [
        report.findings[0], report.layers[0], report.coverage, trial.judged["own"], trial.looks["own"],
        trial.runs[0], trial.judged["own"].score, ig.predict("relu", depth=3, width=16).layers[0],
        ig.advise("relu", depth=3, width=16).answers[0], lab.experiments()[0], found["w"].fits[0],
    ]  # fmt: skip


@pytest.fixture(scope="module")
def shown() -> list[object]:
    return parts()


def test_each_is_a_line_of_words(shown):
    for part in shown:
        text = str(part)
        assert isinstance(part, Line), type(part)
        assert "\n" not in text, text
        assert f"{type(part).__name__}(" not in text
        assert 0 < len(text) < 400


def test_what_a_prompt_shows_of_them(shown):
    class Printer:
        def __init__(self) -> None:
            self.said = ""

        def text(self, said: str) -> None:
            self.said += said

    for part in shown:
        printer = Printer()
        part._repr_pretty_(printer, False)
        assert printer.said == str(part)


def test_a_start_that_could_not_be_made_says_why(shown):
    from isogain.jobs.statistics import Interval
    from isogain.torch.trial.judging import Standing

    nothing = Standing(
        "x", "", float("nan"), Interval(float("nan"), None, None, 0), None, "impossible", 0, 2, why="no"
    )
    assert str(nothing) == "x: impossible, no"
