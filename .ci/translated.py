"""Builds a dense layer of every framework from translated calls, and writes what its weights look like.

    python .ci/translated.py --keep envs           # every framework, in the environments of .ci/dialects.py
    python .ci/translated.py tinygrad equinox      # some of them

The results go into tests/golden/translated.json, where tests/test_translated.py compares each pair of
frameworks, two samples against each other.  MXNet has no wheel for this Python and Caffe none at all: they
are the only ones of `ig.translate` without a layer here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from dialects import ENVIRONMENT, LIBRARIES, SCRIPTS, installed

import isogain as ig
from isogain.core.geometry.layout import implied

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "translated.json"
INPUTS, OUTPUTS = 500, 400
HOMES = {
    "jax": "flax",
    "equinox": "flax",
    "tf": "sonnet",
    "pyg": "torch_libraries",
    "timm": "torch_libraries",
}
"""Whose environment a framework is in, where it is not its own."""
FRAMEWORKS = ("torch", "keras", "jax", "equinox", "haiku", "sonnet", "tf", "paddle", "mindspore", "mlx",
              "tinygrad", "chainer", "nnabla", "thinc", "mmengine", "pyg", "timm")  # fmt: skip
LAWS: dict[str, tuple[str, dict[str, Any]]] = {
    "torch's Linear": ("torch.nn.Linear.weight", {}),
    "Xavier, uniform": ("torch.xavier_uniform_", {}),
    "Xavier, normal": ("torch.xavier_normal_", {}),
    "He, normal": ("torch.kaiming_normal_", {"nonlinearity": "relu"}),
    "LeCun, cut at 2σ": ("keras.LecunNormal", {}),
    "Haiku's Linear": ("haiku.Linear.w", {}),
    "normal, .02": ("torch.normal_", {"std": 0.02}),
    "uniform, ±.1": ("torch.uniform_", {"a": -0.1, "b": 0.1}),
}
BINS = 32


def main() -> None:
    """Builds in the frameworks that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("frameworks", nargs="*", choices=[*FRAMEWORKS, []], metavar="FRAMEWORK")
    parser.add_argument("--keep", type=Path, help="make the environments in this folder, and use those there")
    told = parser.parse_args()
    for name in told.frameworks or FRAMEWORKS:
        with tempfile.TemporaryDirectory(prefix=f"isogain-{name}-") as scratch:
            home = HOMES.get(name, name)
            folder = told.keep.resolve() / home if told.keep else Path(scratch) / "venv"
            enter(name, home, built(name, installed(home, folder)))


def wanted(framework: str) -> list[dict[str, Any]]:
    """The calls that have each law in this framework, and the edges between which its draws are counted."""
    found = []
    for title, (name, told) in LAWS.items():
        source = ig.get(name, **told)
        layout = ig.catalog()[name].layout or ("out in" if name.startswith("torch") else "in out")
        shape = (OUTPUTS, INPUTS) if layout == "out in" else (INPUTS, OUTPUTS)
        one = ig.translate(name, to=framework, shape=shape, **told)
        if one.exact:
            edges = quantiles(source.law(shape, layout=implied(layout)))
            found.append({"law": title, "call": one.call, "edges": edges})
    return found


def quantiles(law: Any) -> list[float]:
    """Between which equal shares of the law's draws fall, to the eye: by its own distribution function."""
    grid = np.linspace(-6 * law.std, 6 * law.std, 200_001)
    return np.interp(np.arange(1, BINS) / BINS, law.cdf(grid), grid).tolist()


def built(framework: str, python: Path) -> list[dict[str, Any]]:
    """The records of a framework's layers, from inside its environment."""
    command, asked = (
        [python, "-W", "ignore", SCRIPTS / "_layers.py", framework],
        json.dumps(wanted(framework)),
    )
    settings = {"cwd": SCRIPTS, "env": {**os.environ, **ENVIRONMENT}, "text": True, "capture_output": True}
    done = subprocess.run(command, input=asked, check=True, **settings)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def enter(framework: str, home: str, records: list[dict[str, Any]]) -> None:
    """Puts a framework's records into the file, in place of its older ones."""
    held = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else []
    rest = [one for one in held if one["framework"] != framework]
    version = " ".join(LIBRARIES[home])
    new = {"framework": framework, "version": version, "date": date.today().isoformat(), "records": records}
    lines = []
    for one in sorted([*rest, new], key=lambda one: FRAMEWORKS.index(one["framework"])):
        head = json.dumps({key: one[key] for key in ("framework", "version", "date")}, ensure_ascii=False)[
            :-1
        ]
        rows = ",\n  ".join(json.dumps(record, ensure_ascii=False) for record in one["records"])
        lines.append(f'{head}, "records": [\n  {rows}\n]}}')
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    missing = [record["call"] for record in records if "missing" in record]
    print(f"{framework}: {len(records)} laws{f', without {missing}' if missing else ''}", flush=True)


if __name__ == "__main__":
    main()
