"""What `import isogain` brings, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import isogain as ig

HEAVY = (
    "torch", "jax", "keras", "tensorflow", "altair", "pandas", "sklearn", "mlxtend", "matplotlib", "typer", "rich",
    "pyarrow", "vl_convert", "scipy.special", "scipy.stats", "scipy.linalg", "sqlite3",
)  # fmt: skip


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_is_light():
    """What takes long to import is what makes an import slow; a stopwatch would only measure the machine."""
    loaded = python("import sys, isogain; print('\\n'.join(sys.modules))").split()
    assert not [name for name in HEAVY if name in loaded]
    assert "numpy" in loaded


def test_drawing_needs_no_framework():
    code = (
        "import sys, isogain as ig; ig.draw('he_normal', (30, 20)); ig.draw('orthogonal', (8, 8)); "
        "ig.activation('gelu').gain(); ig.critical_point('gelu'); print('\\n'.join(sys.modules))"
    )
    loaded = python(code).split()
    assert not [
        name for name in ("torch", "jax", "keras", "pandas", "altair", "typer", "rich") if name in loaded
    ]


def test_the_vocabulary_is_all_there():
    for name in ig.__all__:
        assert getattr(ig, name) is not None
    assert set(ig.__all__) <= set(dir(ig))
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = ig.nope


def test_one_version_number():
    from importlib.metadata import version

    assert version("isogain") == ig.__version__
    assert f"## [{ig.__version__}]" in (Path(__file__).parent.parent / "CHANGELOG.md").read_text()


def test_types_hold_for_those_who_use_them(tmp_path):
    """py.typed is a promise: a user's strict mypy sees types, and catches a wrong argument."""
    pytest.importorskip("mypy")
    good = tmp_path / "good.py"
    good.write_text(
        "import numpy as np\nfrom numpy.typing import NDArray\nfrom typing import Any\nimport isogain as ig\n"
        "w: NDArray[Any] = ig.draw('he_normal', (784, 512), seed=0, path='fc1.weight')\n"
        "f: ig.Fans = ig.fans((512, 784), layout='out in')\n"
        "i: ig.Initializer = ig.get('caffe.xavier', variance_norm='AVERAGE')\n"
        "g: float = ig.activation('gelu').gain()\n"
        "q: float | None = ig.critical_point('gelu').q\n"
    )
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import isogain as ig\nig.Normal(std='wide')\nx: int = ig.fans((2, 2))\nig.drraw('he', (2, 2))\n"
    )
    run = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-version",
        "3.11",
        "--cache-dir",
        str(tmp_path / "c"),
    ]
    fine = subprocess.run([*run, str(good)], capture_output=True, text=True, cwd=tmp_path)
    assert fine.returncode == 0, fine.stdout
    wrong = subprocess.run([*run, str(bad)], capture_output=True, text=True, cwd=tmp_path)
    assert wrong.stdout.count("error:") == 3, wrong.stdout


def test_no_global_random_state_is_touched():
    code = (
        "import numpy as np, random, isogain as ig\n"
        "np.random.seed(0); random.seed(0); before = (np.random.get_state()[1].tolist(), random.getstate())\n"
        "ig.draw('he_normal', (30, 20)); ig.draw('orthogonal', (8, 8)); ig.draw('sparse', (8, 8))\n"
        "print((np.random.get_state()[1].tolist(), random.getstate()) == before)"
    )
    assert python(code).strip() == "True"
