"""The command as a user types it: text, JSON, statuses, and no trace of a stack for a user's mistake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import isogain as ig

COMMAND = [sys.executable, "-m", "isogain.cli"]


def isogain(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **environment},
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["catalog", "--help"], ["demo", "--help"], ["lab", "--help"]]
)
def test_help_speaks(arguments):
    done = isogain(*arguments)
    assert done.returncode == 0
    assert "Usage: isogain" in done.stdout.replace("python -m isogain.cli", "isogain")


@pytest.mark.parametrize(
    "command", [["demo"], ["lab", "list"], ["lab", "run"], ["lab", "report"], ["lab", "export"], ["catalog"]]
)
def test_every_command_has_an_example(command):
    assert "Example:  isogain " + " ".join(command) in isogain(*command, "--help").stdout


def test_catalog_lists_every_row_within_100_columns():
    done = isogain("catalog")
    assert done.returncode == 0
    for row in ig.catalog():
        assert row.name in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout


def test_catalog_row_and_its_json():
    assert "N(0, 2 / fan_in)" in isogain("catalog", "he_normal").stdout
    data = json.loads(isogain("catalog", "HeNormal", "--json").stdout)
    assert data["schema"] == "isogain.catalog/1"
    assert data["rows"][0]["name"] == "he_normal"
    assert len(json.loads(isogain("catalog", "--json").stdout)["rows"]) == len(ig.catalog())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["catalog", "he_norml"], "did you mean 'he_normal'"),
        (["lab", "run", "no-such"], "no-such"),
        (["lab", "run", "--seeds", "many"], "neither a number nor a list"),
        (["lab", "run", "mnist-training", "--data", "/no/such/folder"], "/no/such/folder"),
        (["lab", "report", "--results", "/no/such/folder"], "/no/such/folder"),
        (["nonsense"], "nonsense"),
        (["catalog", "--nonsense"], "nonsense"),
    ],
)
def test_a_users_mistake_is_one_message_and_status_2(arguments, message, tmp_path):
    if arguments[0] == "lab":
        pytest.importorskip("torch")
    done = isogain(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.html"))


def test_version():
    assert isogain("--version").stdout.strip() == f"isogain {ig.__version__}"


def test_a_missing_extra_is_named(tmp_path):
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['torch'] = None\n")
    done = isogain("lab", "run", "activation-distributions", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "pip install 'isogain[" in done.stderr
    assert "Traceback" not in done.stderr


def test_shell_completion_is_offered():
    command = Path(sys.executable).with_name("isogain")
    words = {"_ISOGAIN_COMPLETE": "complete_bash", "COMP_WORDS": "isogain l", "COMP_CWORD": "1"}
    done = subprocess.run([command], capture_output=True, text=True, env={**os.environ, **words})
    assert done.stdout.split() == ["lab"]
    assert "--install-completion" in isogain("--help").stdout


def test_lab_list_names_every_experiment_and_its_json():
    pytest.importorskip("torch")
    listed = isogain("lab", "list")
    assert listed.returncode == 0
    names = [row["name"] for row in json.loads(isogain("lab", "list", "--json").stdout)["experiments"]]
    assert "mnist-training" in names
    assert all(name in listed.stdout for name in names)


def test_run_report_and_export(tmp_path):
    """One small experiment, end to end through the command."""
    pytest.importorskip("torch")
    pytest.importorskip("altair")
    ran = isogain("lab", "run", "activation-distributions", "--quick", "--pictures", "pictures", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    page = tmp_path / "isogain-results" / "report.html"
    assert str(page) in ran.stdout.replace("\n", "")
    assert page.read_text().startswith("<!doctype html>") or page.read_text().startswith("<!DOCTYPE html>")
    assert list((tmp_path / "pictures").glob("*.png"))
    shown = isogain("lab", "report", "--json", "--pictures", "pdf,svg", cwd=tmp_path)
    drawn = tmp_path / "isogain-results" / "pictures"
    (first, *_) = sorted(drawn.glob("*.pdf"))
    assert first.read_bytes().startswith(b"%PDF")
    assert {path.stem for path in drawn.glob("*.svg")} == {path.stem for path in drawn.glob("*.pdf")}
    captions = (drawn / "captions.txt").read_text()
    assert f"{first.stem}\n" in captions
    assert "Seeds: 0, 1, 2" in captions
    assert "isogain lab run activation-distributions --quick" in captions
    assert json.loads(shown.stdout)["outcomes"][0]["experiment"] == "activation-distributions"
    again = isogain("lab", "run", "activation-distributions", "--quick", cwd=tmp_path)
    assert again.returncode == 0
    for kind in ("csv", "parquet"):
        done = isogain("lab", "export", "--format", kind, "--to", kind, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert list((tmp_path / kind).glob(f"*.{kind}"))


def test_ctrl_c_leaves_a_store_that_resumes(tmp_path):
    pytest.importorskip("torch")
    arguments = ["lab", "run", "mnist-training", "--quick", "--seeds", "2", "--data", "mnist-5k"]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    store = tmp_path / "isogain-results"
    deadline = time.monotonic() + 60
    while not list(store.glob("*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "goes on from there" in errors
    assert isogain(*arguments, cwd=tmp_path).returncode == 0
