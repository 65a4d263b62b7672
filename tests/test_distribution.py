"""What others build on: the sdist is whole and builds a wheel, the action and the hook call what there is."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import isogain as ig

ROOT = Path(__file__).parent.parent
NEEDED = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "src", "MANIFEST.in")


def build(kind: str, source: Path, target: Path) -> Path:
    """An sdist or a wheel, by the project's own backend, in a process of its own."""
    target.mkdir()
    code = f"from setuptools.build_meta import build_{kind}; print(build_{kind}({str(target)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return target / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    setuptools = importlib.util.find_spec("setuptools")
    if setuptools is None:
        pytest.skip("setuptools builds it")
    folder = tmp_path_factory.mktemp("sdist")
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.egg-info", "build")
    for name in NEEDED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / "tree" / name, ignore=ignored)
        elif path.exists():
            (folder / "tree").mkdir(exist_ok=True)
            shutil.copy(path, folder / "tree" / name)
    return build("sdist", folder / "tree", folder / "dist")


def own_files() -> set[str]:
    """Every file of the package that is no product of a run."""
    found = (path for path in (ROOT / "src" / "isogain").rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT / "src").as_posix()
        for path in found
        if path.suffix not in (".pyc", ".so", ".pyd") and "__pycache__" not in path.parts
    }


def test_the_sdist_holds_every_file_of_the_package(sdist):
    with tarfile.open(sdist) as content:
        names = {name.partition("/src/")[2] for name in content.getnames() if "/src/" in name}
        rest = {name.partition("/")[2] for name in content.getnames()}
    assert own_files() <= names, own_files() - names
    assert {"pyproject.toml", "setup.py", "README.md", "LICENSE"} <= rest
    assert any(name.endswith(".c") for name in names)
    assert any(name.endswith(".h") for name in names)


def test_the_sdist_builds_a_wheel_that_draws(sdist, tmp_path):
    """From the archive alone; the wheel's own files, imported from there, give the same bits."""
    with tarfile.open(sdist) as content:
        content.extractall(tmp_path / "tree", filter="data")
    (source,) = (tmp_path / "tree").iterdir()
    wheel = build("wheel", source, tmp_path / "dist")
    with zipfile.ZipFile(wheel) as content:
        missing = {name for name in own_files() if not name.endswith((".c", ".h"))} - set(content.namelist())
        assert not missing
        content.extractall(tmp_path / "wheel")
    code = "import sys, isogain as ig; print(ig.__file__, ig.draw('he_normal', (3, 2)).tolist())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path / "wheel")},
    )
    assert done.stdout.startswith(str(tmp_path / "wheel")), done.stderr
    assert str(ig.draw("he_normal", (3, 2)).tolist()) in done.stdout
    assert ig.__version__ in wheel.name


def test_versions_agree_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {ig.__version__}\n" in citation
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"\nlicense: {project['license']}\n" in citation


def test_the_action_gives_every_input_to_an_option_that_there_is():
    yaml = pytest.importorskip("yaml")
    typer = pytest.importorskip("typer")
    from isogain.cli.app import app

    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = {step.get("id", step["name"]): step for step in action["runs"]["steps"]}
    script, environment = steps["inspect"]["run"], steps["inspect"]["env"]
    given = {value.removeprefix("${{ inputs.").removesuffix(" }}") for value in environment.values()}
    assert given | {"working-directory", "upload"} == set(action["inputs"])
    assert "${{" not in script, "a workflow's words would run as code"
    command = typer.main.get_command(app).commands["inspect"]
    options = {name for parameter in command.params for name in parameter.opts}
    used = {word for word in script.replace("(", " ").split() if word.startswith("--")}
    assert used <= options
    assert {f"--{name}" for name in ("input", "batch", "loss", "kwargs", "fail-on", "sarif")} == used


def test_the_actions_script_runs(tmp_path):
    """As the runner would: bash, the inputs as variables; status 0 and a SARIF file."""
    yaml = pytest.importorskip("yaml")
    pytest.importorskip("torch")
    if shutil.which("bash") is None:
        pytest.skip("bash runs it")
    import os

    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (step,) = (step for step in action["runs"]["steps"] if step.get("id") == "inspect")
    (tmp_path / "nets.py").write_text(
        "from torch import nn\ndef make(width=8): return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 3))\n"
    )
    words = {
        "MODEL": "nets.py:make",
        "INPUT": "f32[16,8]\n",
        "BATCH": "",
        "LOSS": "",
        "KWARGS": "width=16",
        "FAIL_ON": "critical",
        "SARIF": "out.sarif",
    }
    environment = {**os.environ, **words, "GITHUB_OUTPUT": str(tmp_path / "outputs")}
    script = step["run"].replace("python -m", f"{sys.executable} -m")
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.sarif").is_file()
    assert (tmp_path / "outputs").read_text().strip() == f"sarif={tmp_path}/out.sarif"


def test_the_hook_is_the_command():
    yaml = pytest.importorskip("yaml")
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["entry"] == "isogain inspect"
    assert not hook["pass_filenames"]
