"""`isogain try`: exit status, JSON, and errors that a terminal can show."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from isogain.cli.app import app

MODULE = """
from torch import nn
from trial_problems import examples as loader, deep as build, small
"""
FEW = ["--loss", "cross_entropy", "--steps", "3", "--seeds", "2", "--rates", "0.01", "--workers", "1"]


@pytest.fixture
def command(tmp_path, monkeypatch):
    (tmp_path / "tried_model.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words):
        usual = ["try", "tried_model:build", "--data", "tried_model:loader", *FEW]
        return CliRunner().invoke(app, [*usual, *words])

    return run


def test_level_is_one_and_its_json_is_the_trial(command, tmp_path):
    done = command("--starts", "own,he_normal", "--json", "--html", "try.html")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["schema"], told["verdict"], told["name"]) == ("isogain.trial/1", "level", "build")
    assert (tmp_path / "try.html").is_file()
    assert (tmp_path / "isogain-results" / "results.sqlite").is_file()


def test_a_winner_is_zero(command):
    more = ["--optimizers", "sgd", "--rates", "0.1", "--steps", "120", "--seeds", "4"]
    done = command("--starts", "he_normal,tried_model:small", *more)
    assert "he_normal trains best" in done.stdout
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--starts", "nothing_such"], "nothing_such"),
        (["--rates", "fast"], "--rates must be numbers"),
        (["--budget", "soon"], "budget must be"),
        (["--backend", "pigeon"], "backend must be"),
        (["--html", "."], "is a folder: give the page's own name, such as try.html"),
        (["--data", "tried_model:none_such"], "none_such"),
    ],
)
def test_what_cannot_be_tried_is_two_and_one_line(command, words, message):
    done = command(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
