"""Fetching MNIST when, and only when, it is asked for: checked against its sha256, then kept."""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from isogain.errors import DataError
from isogain.lab.idx import MNIST_SHA256, unpack

__all__ = ["CACHE_VARIABLE", "SOURCES", "cache_folder", "fetch_mnist"]

CACHE_VARIABLE = "ISOGAIN_CACHE"
SOURCES = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
_TIMEOUT_S = 60


def cache_folder() -> Path:
    """Where fetched data is kept: $ISOGAIN_CACHE, else isogain in the user's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isogain"


def fetch_mnist(folder: Path | None = None, sources: Sequence[str] = SOURCES) -> Path:
    """The folder that holds MNIST's four files, fetched now unless they are there already."""
    folder = folder or cache_folder() / "mnist"
    folder.mkdir(parents=True, exist_ok=True)
    for name, expected in MNIST_SHA256.items():
        target = folder / f"{name}.gz"
        if not target.is_file() or hashlib.sha256(unpack(target)).hexdigest() != expected:
            _fetch(name, expected, target, sources)
    return folder


def _fetch(name: str, expected: str, target: Path, sources: Sequence[str]) -> None:
    """One file from the first source that has it whole; moved to its place only once checked."""
    failures = []
    for source in sources:
        try:
            with urllib.request.urlopen(f"{source}{name}.gz", timeout=_TIMEOUT_S) as answer:
                content = answer.read()
            actual = hashlib.sha256(gzip.decompress(content)).hexdigest()
        except (OSError, EOFError, urllib.error.URLError) as error:
            failures.append(f"{source}: {error}")
            continue
        if actual == expected:
            part = target.with_suffix(f".part{os.getpid()}")
            part.write_bytes(content)
            part.replace(target)
            return
        failures.append(f"{source}: sha256 {actual}, expected {expected}")
    raise DataError(
        f"{name}.gz could not be fetched: {'; '.join(failures)}. "
        "Put the four files into a folder and give that folder as data, or use data='mnist-5k'."
    )
