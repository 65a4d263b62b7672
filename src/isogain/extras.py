"""What parts of isogain need beside NumPy and SciPy: which extra brings a package, and how to install it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["EXTRAS", "missing", "require", "way_out"]

EXTRAS = {
    "torch": "torch",
    "safetensors": "torch",
    "jax": "jax",
    "flax": "flax",
    "keras": "keras",
    "altair": "lab",
    "grandalf": "lab",
    "vl_convert": "lab",
    "jinja2": "lab",
    "mlxtend": "lab",
    "sklearn": "lab",
    "pyarrow": "lab",
    "joblib": "lab",
    "cloudpickle": "lab",
    "dask": "dask",
    "distributed": "dask",
    "ray": "ray",
}
"""Package -> the extra of isogain that brings it."""


def way_out(extra: str) -> str:
    """How an extra is installed, also from a clone of the project.

    >>> way_out("torch")
    "pip install 'isogain[torch]', or in a clone of isogain: pip install -e '.[torch]'"
    """
    return f"pip install 'isogain[{extra}]', or in a clone of isogain: pip install -e '.[{extra}]'"


def missing(package: str, what: str, extra: str | None = None) -> ModuleNotFoundError:
    """The error of something that needs a package which is not there."""
    chosen = extra or EXTRAS.get(package)
    hint = way_out(chosen) if chosen else f"pip install {package}"
    return ModuleNotFoundError(f"{what} needs {package}: {hint}", name=package)


def require(package: str, what: str, extra: str | None = None) -> None:
    """Raise ModuleNotFoundError, naming the extra, unless a package can be found; it is not imported."""
    try:
        there = find_spec(package) is not None
    except (ImportError, ValueError):  # a module that was replaced or blocked
        there = False
    if not there:
        raise missing(package, what, extra)
