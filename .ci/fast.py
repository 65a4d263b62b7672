"""The tests that matter for a change, in under 90 seconds on two cores (`make fast`).

Test files are taken nearest first: what a change touched, then what imports it directly, and so on, as long
as the seconds that each took in a whole run (tests/seconds.json) fit the budget; single tests that take long
are left to `make test`.  Without a change, the last commit's counts.  `python .ci/fast.py --record` runs the
whole suite and writes those seconds anew.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import grimp

ROOT = Path(__file__).resolve().parent.parent
SECONDS = ROOT / "tests" / "seconds.json"
BUDGET_S, LONG_S, UNKNOWN_S, CORES = 70.0, 3.0, 5.0, 2
START_S = 6.0
"""What a process takes to import the frameworks."""
FAR = 99


def changed() -> list[Path]:
    """Files that differ from HEAD, or else from the commit before it."""

    def said(*arguments: str) -> list[str]:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.split()

    found = said("diff", "--name-only", "HEAD") + said("ls-files", "--others", "--exclude-standard")
    return [ROOT / name for name in found or said("diff", "--name-only", "HEAD~1")]


def module_of(path: Path) -> str:
    """src/isogain/core/names/rows.py -> isogain.core.names.rows; the folder's own name for an __init__."""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, modules: frozenset[str]) -> set[str]:
    """The modules of isogain that a test file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & modules


def distances(graph: grimp.ImportGraph, touched: Iterable[str]) -> dict[str, int]:
    """Module -> steps of import from it to the nearest changed one."""
    found = dict.fromkeys(touched, 0)
    edge = list(found)
    while edge:
        users = {user for one in edge for user in graph.find_modules_that_directly_import(one)}
        steps = found[edge[0]] + 1
        edge = [user for user in users if user not in found]
        found.update(dict.fromkeys(edge, steps))
    return found


def ranked(files: list[Path]) -> list[tuple[int, Path]]:
    """Test files with their distance from the changed ones, nearest first."""
    graph = grimp.build_graph("isogain")
    source = ROOT / "src" / "isogain"
    touched = {module_of(f) for f in files if f.suffix == ".py" and f.is_relative_to(source)} & graph.modules
    near = distances(graph, touched)
    found = []
    for test in sorted((ROOT / "tests").glob("test_*.py")):
        steps = [near.get(one, FAR) for one in imported(test, frozenset(graph.modules))]
        found.append((-1 if test in files else min(steps, default=FAR), test))
    return sorted(found)


def chosen(files: list[Path]) -> tuple[list[Path], list[str]]:
    """The test files that fit the budget, and single long tests in them."""
    seconds = json.loads(SECONDS.read_text()) if SECONDS.exists() else {"files": {}, "long": {}}
    left, taken = BUDGET_S * CORES, []
    for distance, test in ranked(files):
        takes = seconds["files"].get(test.name, UNKNOWN_S)
        if distance < FAR and (takes + START_S <= left or not taken):
            left -= takes
            taken.append(test)
    names = {test.name for test in taken}
    return taken, [name for name in seconds["long"] if name.partition("::")[0].rpartition("/")[2] in names]


def record() -> int:
    """Runs everything and writes each file's seconds, without those of its long tests, which are named."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        status = subprocess.run([sys.executable, "-m", "pytest", f"--junitxml={report}"], cwd=ROOT).returncode
        write(report)
    return status


def write(report: Path) -> None:
    """tests/seconds.json from a JUnit report."""
    files: dict[str, float] = defaultdict(float)
    long = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["classname"].split(".")[1] + ".py"
        takes = float(case.attrib["time"])
        if takes > LONG_S:
            long[f"tests/{name}::{case.attrib['name']}"] = round(takes, 1)
        else:
            files[name] += takes
    rounded = {name: round(takes, 1) for name, takes in sorted(files.items())}
    SECONDS.write_text(json.dumps({"files": rounded, "long": dict(sorted(long.items()))}, indent=1) + "\n")


def main() -> int:
    """Runs what was chosen, on two processes."""
    if "--record" in sys.argv:
        return record()
    tests, long = chosen(changed())
    left_out = [f"--deselect={name}" for name in long]
    if not tests:
        print("nothing that changed is imported by a test: make test runs them all")
        return 0
    print(f"{len(tests)} test files, nearest to the change first; {len(long)} long tests left to make test")
    command = [sys.executable, "-m", "pytest", "-n", str(CORES), "--dist", "worksteal"]
    return subprocess.run(
        [*command, *left_out, *map(str, tests)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
