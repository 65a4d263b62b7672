"""Runs the peers' own test suites of initializers against isogain, by swapping the import.

    python benchmarks/peers_suites.py                       # fetches the suites from GitHub
    python benchmarks/peers_suites.py --checkouts FOLDER    # reads FOLDER/pytorch, keras, jax, flax instead
    python benchmarks/peers_suites.py --only jax --json peers.json

Nothing of the suites is kept: they are read at the tag of the installed release into a folder that is
deleted afterwards, with the lines that import the peer's initializers replaced (SUITES below) and
nothing else changed.  Each suite runs unchanged as well, so that a failure of its own is told from one
of ours.  Exit status 1 if a test fails on isogain that passes on the peer and is not in KNOWN.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

RAW = "https://raw.githubusercontent.com/{repository}/{tag}/{path}"


@dataclass(frozen=True)
class Suite:
    """One test file of a peer: where it is, what to swap, and which of its tests are about initializers."""

    name: str
    repository: str
    path: str
    package: str
    tag: str
    swaps: tuple[tuple[str, str], ...]
    select: str = ""
    """A pytest -k expression; empty for the whole file."""
    needs: tuple[str, ...] = ()
    """Packages the suite imports that its peer does not bring."""


KERAS_SWAP = (r"from keras\.src import initializers\b", "from isogain.keras import initializers")
SUITES = (
    Suite(
        "PyTorch torch.nn.init", "pytorch/pytorch", "test/nn/test_init.py", "torch", "v{version}",
        ((r"import torch\.nn\.init as init", "import isogain.torch as init"),), needs=("expecttest",),
    ),
    Suite(
        "Keras random initializers", "keras-team/keras",
        "keras/src/initializers/random_initializers_test.py", "keras", "v{version}", (KERAS_SWAP,),
    ),
    Suite(
        "Keras constant initializers", "keras-team/keras",
        "keras/src/initializers/constant_initializers_test.py", "keras", "v{version}", (KERAS_SWAP,),
    ),
    Suite(
        "JAX nn.initializers", "jax-ml/jax", "tests/nn_test.py", "jax", "jax-v{version}",
        (
            (r"\bnn\.initializers\b", "isogain_initializers"),
            (
                r"^from jax import nn$",
                "from jax import nn\nfrom isogain.jax import initializers as isogain_initializers",
            ),
        ),
        "NNInitializersTest",
    ),
    Suite(
        "Flax linen initializers", "google/flax", "tests/linen/initializers_test.py", "flax", "v{version}",
        ((r"from flax\.linen import initializers", "from isogain.jax import initializers"),),
    ),
)  # fmt: skip

KNOWN: dict[str, str] = {
    "test_constant_initializer_array_value": "isogain's constant is one number; Keras takes the array itself",
    "test_deprecation": "torch's deprecated names without an underscore (init.normal) are not offered",
    "testVarianceScalingError": "the error comes, a ValueError as asked, in isogain's words",
}
"""Tests of a peer that isogain does not pass, each with the reason."""

STUB = "def skip_if_backend(*names):\n    return lambda test: test\n"
"""What Keras' suites import from their own conftest: a mark for backends that are not run here."""


def main() -> int:
    arguments = _arguments()
    chosen = [suite for suite in SUITES if arguments.only in suite.repository]
    with tempfile.TemporaryDirectory() as folder:
        results = [run(suite, Path(folder), arguments.checkouts) for suite in chosen]
    for result in results:
        print(_line(result))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=2))
    return 1 if any(result["unexplained"] for result in results) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkouts", type=Path, help="a folder with checkouts pytorch, keras, jax, flax")
    parser.add_argument("--only", default="", help="part of a repository's name, for instance jax")
    parser.add_argument("--json", help="write the counts here")
    return parser.parse_args()


def run(suite: Suite, folder: Path, checkouts: Path | None) -> dict:
    """The outcome of every test of a suite, on the peer and on isogain."""
    missing = [name for name in suite.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(f"{suite.name} needs {', '.join(missing)}: pip install {' '.join(missing)}")
    version = importlib.metadata.version(suite.package).split("+")[0]
    text = source(suite, version, checkouts)
    (folder / "conftest.py").write_text(STUB)
    theirs = outcomes(suite, folder, "theirs", text)
    ours = outcomes(suite, folder, "ours", swapped(suite, text))
    passing = [name for name, outcome in theirs.items() if outcome == "passed"]
    failed = sorted(name for name in passing if ours.get(name, "failed") == "failed")
    return {
        "suite": suite.name,
        "version": version,
        "passed": sum(outcome == "passed" for outcome in ours.values()),
        "skipped": sum(outcome == "skipped" for outcome in ours.values()),
        "total": len(ours),
        "peer_passed": sum(outcome == "passed" for outcome in theirs.values()),
        "explained": {name: KNOWN[_plain(name)] for name in failed if _plain(name) in KNOWN},
        "unexplained": [name for name in failed if _plain(name) not in KNOWN],
    }


def source(suite: Suite, version: str, checkouts: Path | None) -> str:
    if checkouts is not None:
        return (checkouts / suite.repository.split("/")[1] / suite.path).read_text()
    address = RAW.format(repository=suite.repository, tag=suite.tag.format(version=version), path=suite.path)
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()


def swapped(suite: Suite, text: str) -> str:
    """The suite with isogain's functions in place of the peer's; an error where there is nothing to swap."""
    for pattern, replacement in suite.swaps:
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if not count:
            raise SystemExit(f"{suite.name}: nothing matches {pattern!r}; the suite has changed")
    return text


def outcomes(suite: Suite, folder: Path, label: str, text: str) -> dict[str, str]:
    """Test name -> passed, failed or skipped."""
    stem = re.sub(r"\W+", "_", suite.name).lower()
    file, report = folder / f"test_{stem}_{label}.py", folder / f"{stem}_{label}.xml"
    file.write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(file),
        "-q",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
    ]
    command += ["-k", suite.select] if suite.select else []
    defaults = {"KERAS_BACKEND": "torch", "JAX_PLATFORMS": "cpu"}
    environment = {**defaults, **os.environ}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if not report.exists() or not (found := ElementTree.parse(report).getroot().findall(".//testcase")):
        raise SystemExit(f"{suite.name} ({label}) did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    (folder / f"{stem}_{label}.log").write_text(done.stdout)
    if os.environ.get("PEERS_VERBOSE"):
        print(done.stdout)
    return {case.get("name", ""): _outcome(case) for case in found}


def _outcome(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def _plain(name: str) -> str:
    """A test's name without its parameters."""
    return re.sub(r"(_?\d+_.*|\[.*)$", "", name)


def _line(result: dict) -> str:
    head = (
        f"{result['suite']} {result['version']}: {result['passed']} of {result['total']} pass on isogain "
        f"({result['peer_passed']} on the peer itself, {result['skipped']} skipped)"
    )
    rows = [f"  explained: {name}: {why}" for name, why in result["explained"].items()]
    return "\n".join([head, *rows, *(f"  FAILED: {name}" for name in result["unexplained"])])


if __name__ == "__main__":
    raise SystemExit(main())
