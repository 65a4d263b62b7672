"""Installs each library in an environment of its own, and measures what its initializers and layers draw.

    python .ci/dialects.py                       # every library, one after another; minutes each
    python .ci/dialects.py paddle mlx            # some of them
    python .ci/dialects.py paddle --keep envs    # the environment stays, to be used again

The results, with date and versions, go into tests/golden/dialects.json, which tests/test_dialects.py
compares with the catalog's rows.  What measures is .ci/dialects/of_NAME.py; it runs inside the library's
environment and needs NumPy beside the library.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(__file__).with_suffix("")
GOLDEN = ROOT / "tests" / "golden" / "dialects.json"
TORCH = ("torch==2.13.0", "numpy==2.4.6")
"""Pinned everywhere: a resolver would choose one for graphics cards."""
LIBRARIES: dict[str, tuple[str, ...]] = {
    "paddle": ("paddlepaddle==3.3.1",),
    "mindspore": ("mindspore==2.10.0",),
    "mlx": ("mlx[cpu]==0.32.4", "numpy==2.4.6"),
    "nnabla": ("nnabla==1.39.0",),
    "tinygrad": ("tinygrad==0.14.0", "numpy==2.4.6"),
    "thinc": ("thinc==9.1.1",),
    "chainer": ("setuptools<60", "wheel", "six", "filelock", "protobuf", "typing_extensions", "numpy==1.23.5",
                "chainer==7.8.1"),
    "mmengine": ("mmengine==0.10.7", "opencv-python-headless", *TORCH),
    "sonnet": ("dm-sonnet==2.0.2", "tensorflow-cpu==2.21.0"),
    "haiku": ("dm-haiku==0.0.17", "jax==0.10.2"),
    "flax": ("flax==0.12.8", "equinox==0.13.8", "jax==0.10.2"),
    "keras": ("keras==3.15.1", *TORCH),
    "torch": TORCH,
    "sklearn": ("scikit-learn==1.9.1",),
    "torchrl": ("torchrl==0.14.1", *TORCH),
    "torchtitan": ("torchtitan==0.3.0", "triton==3.9.0", *TORCH),
    "ultralytics": ("ultralytics==8.4.190", *TORCH),
    "torch_libraries": ("torch-geometric==2.8.1", "fastai==2.8.12", "neuraloperator==2.0.0",
                        "stable-baselines3==2.9.2", "timm==1.0.31", *TORCH),
    "fla": ("flash-linear-attention==0.6.0", "triton==3.9.0", *TORCH),
    "model_libraries": ("open-clip-torch==3.3.0", "pytorch-tabnet==4.1.0", "x-transformers==2.31.10",
                        "vit-pytorch==1.26.11", "xlstm==2.0.6", "e3nn==0.6.0", "spikingjelly==2.0.0", "h5py",
                        "snntorch==1.0.0", "norse==1.1.0", "speechbrain==1.1.2",
                        "pytorch-forecasting==1.8.0", "gensim==4.4.0", *TORCH),
}  # fmt: skip
INTERPRETERS = {"nnabla": "python3.10"}
"""Whose wheels end with an older Python, which has to be on the path."""
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "torch",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OMP_NUM_THREADS": "1",
}


def main() -> int:
    """Measures what is asked for; status 1 if a library could not be installed or measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "libraries", nargs="*", choices=[*LIBRARIES, []], metavar="LIBRARY", help=", ".join(LIBRARIES)
    )
    parser.add_argument("--keep", type=Path, help="make the environments in this folder, and use those there")
    arguments = parser.parse_args()
    failed = []
    for name in arguments.libraries or list(LIBRARIES):
        with tempfile.TemporaryDirectory(prefix=f"isogain-{name}-") as scratch:
            folder = arguments.keep.resolve() / name if arguments.keep else Path(scratch) / "venv"
            try:
                enter(name, measure(name, folder))
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                failed.append(name)
                told = (getattr(error, "stderr", "") or "")[-2000:]
                print(f"{name}: FAILED {str(error)[:300]}\n{told}", flush=True)
    return 1 if failed else 0


def measure(name: str, folder: Path) -> list[dict[str, Any]]:
    """The records of a library, from inside its environment."""
    command = [installed(name, folder), "-W", "ignore", SCRIPTS / "_measure.py", f"of_{name}"]
    done = subprocess.run(
        command, cwd=SCRIPTS, env={**os.environ, **ENVIRONMENT}, check=True, text=True, capture_output=True
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def installed(name: str, folder: Path) -> Path:
    """The Python of a library's environment, which is made where it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "ok").exists():
        interpreter = INTERPRETERS.get(name, sys.executable)
        subprocess.run([interpreter, "-m", "venv", folder], check=True, text=True, stderr=subprocess.PIPE)
        *first, last = LIBRARIES[name]
        for packages in (first, [last]) if name == "chainer" else (LIBRARIES[name],):
            isolation = ["--no-build-isolation"] if name == "chainer" else []
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", *isolation, *packages],
                check=True,
                text=True,
                stderr=subprocess.PIPE,
            )
        (folder / "ok").touch()
    return python


def enter(name: str, records: list[dict[str, Any]]) -> None:
    """Puts a library's records into the file, in place of its older ones."""
    held = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else []
    rest = [library for library in held if library["library"] != name]
    new = {
        "library": name,
        "version": " ".join(LIBRARIES[name]),
        "date": date.today().isoformat(),
        "records": records,
    }
    lines = []
    for library in sorted([*rest, new], key=lambda one: one["library"]):
        head = json.dumps({key: library[key] for key in ("library", "version", "date")}, ensure_ascii=False)[
            :-1
        ]
        rows = ",\n  ".join(json.dumps(record, ensure_ascii=False) for record in library["records"])
        lines.append(f'{head}, "records": [\n  {rows}\n]}}')
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{name}: {len(records)} records", flush=True)


if __name__ == "__main__":
    sys.exit(main())
