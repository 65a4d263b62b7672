"""Installs each extra alone, in a fresh environment, and runs the tests that are its own.

    python .ci/extras.py                        # every extra, one after another; minutes each
    python .ci/extras.py jax keras-on-torch     # some of them
    python .ci/extras.py --constraints my.txt   # other versions
    python .ci/extras.py jax --keep envs --tests "*inspect*"    # the environment stays, to be used again

What git knows of the tree is copied, built and installed from there (not editable), with the tested
versions of constraints.txt.  Test files that import what an extra does not bring are left out by
tests/conftest.py, which names them.  Exit status 1 if an installation or a test fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("pytest", "hypothesis", "mpmath")
"""What the tests themselves import whatever they test."""
READY = "installed"
TORCH = "torch==2.13.0"
"""Pinned also on the command line: a resolver without the constraints would choose one for graphics cards."""


@dataclass(frozen=True)
class Extra:
    """What to install, and which test files are its own."""

    extras: str
    tests: tuple[str, ...]
    packages: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


KERAS = ("test_keras*.py", "test_frameworks_*.py")
JAX = ("test_jax_*.py", "test_frameworks_*.py")
EXTRAS = {
    "base": Extra("", ("test_*.py",)),
    "jax": Extra("jax", JAX),
    "flax": Extra("flax", ("test_jax_layers.py", "test_jax_initializers.py", "test_jax_inspect.py")),
    "keras-on-jax": Extra("keras,jax", KERAS, (), {"KERAS_BACKEND": "jax"}),
    "keras-on-torch": Extra("keras,torch", KERAS, (TORCH,), {"KERAS_BACKEND": "torch"}),
    "keras-on-tensorflow": Extra("keras", KERAS, ("tensorflow-cpu",), {"KERAS_BACKEND": "tensorflow"}),
    "torch": Extra(
        "torch",
        ("test_torch_*.py", "test_plan*.py", "test_inspect_*.py", "test_recipes.py", "test_literature.py",
         "test_structured.py", "test_fans.py", "test_deep_start.py"),
        (TORCH,),
    ),
    "lab": Extra("lab", ("test_lab_*.py", "test_report*.py", "test_cli.py"), (TORCH,)),
    "all": Extra("all", ("test_public.py", "test_cli.py", "test_docs.py"), (TORCH,)),
}  # fmt: skip
"""Keras needs a backend and brings none, so it is tested on each; `dev` is what the whole suite runs in."""


def main() -> int:
    arguments = _arguments()
    lines = []
    for name in arguments.extras or list(EXTRAS):
        with tempfile.TemporaryDirectory(prefix=f"isogain-{name}-") as scratch:
            folder = arguments.keep.resolve() / name if arguments.keep else Path(scratch)
            lines.append(check(name, EXTRAS[name], folder, arguments))
        print(lines[-1], flush=True)
    return 1 if any("FAILED" in line for line in lines) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extras", nargs="*", choices=[*EXTRAS, []], metavar="EXTRA", help=", ".join(EXTRAS))
    parser.add_argument("--constraints", type=Path, default=ROOT / "constraints.txt")
    parser.add_argument("--keep", type=Path, help="make the environments in this folder, and use those there")
    parser.add_argument(
        "--tests", default="*", help="of an extra's test files, those that match this pattern"
    )
    return parser.parse_args()


def check(name: str, extra: Extra, folder: Path, arguments: argparse.Namespace) -> str:
    """One line: the extra, and how many of its tests passed."""
    tree, home = folder / "tree", folder / "venv"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / READY).exists():
        failure = _install(extra, tree, python, arguments.constraints)
        if failure:
            return f"{name}: FAILED to install\n{failure}"
        (folder / READY).touch()
    found = {path for pattern in extra.tests for path in (tree / "tests").glob(pattern)}
    others = [
        path
        for path in (tree / "tests").glob("test_*.py")
        if path not in found or not path.match(arguments.tests)
    ]
    ignored = [f"--ignore={path}" for path in others]  # files named themselves would not be left out
    report = folder / "report.xml"
    command = [
        python,
        "-m",
        "pytest",
        tree / "tests",
        *ignored,
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
    ]
    done = _run(command, tree, {"JAX_PLATFORMS": "cpu", **extra.environment})
    return f"{name}: {_counts(report, done)}"


def _install(extra: Extra, tree: Path, python: Path, constraints: Path) -> str:
    """What pip complains about; empty when the extra is installed."""
    _copy(tree)
    venv.create(python.parents[1], with_pip=True)
    what = f".[{extra.extras}]" if extra.extras else "."
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints.resolve(), what]
    done = _run([*install, *extra.packages, *TOOLS], tree)
    shutil.rmtree(tree / "src")  # what is tested is what was installed
    return f"{done.stdout[-2000:]}{done.stderr[-2000:]}" if done.returncode else ""


def _copy(tree: Path) -> None:
    """The files git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, tree / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _run(
    command: list[object], folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    given = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env={**given, **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _counts(report: Path, done: subprocess.CompletedProcess[str]) -> str:
    if not report.exists():
        return f"FAILED to run\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    counts = f"{total - skipped - failed} passed, {skipped} skipped"
    return counts if not done.returncode else f"{counts}, {failed} FAILED\n{done.stdout[-6000:]}"


if __name__ == "__main__":
    sys.exit(main())
