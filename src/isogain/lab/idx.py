"""MNIST's own file format: reading IDX files, gzipped or not, and saying exactly what is wrong with them."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isogain.errors import DataError

__all__ = ["MNIST_SHA256", "WAY_OUT", "read_folder", "unpack"]

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""sha256 of the official files, unzipped."""

WAY_OUT = (
    "Give a folder with MNIST's four IDX files (.gz or not), fetch them with data='download', "
    "or use data='mnist-5k'."
)
_UNSIGNED_BYTES = 0x08


def read_folder(folder: Path, official: bool = True) -> tuple[dict[str, NDArray[np.uint8]], dict[str, str]]:
    """The four arrays of an IDX folder, and the sha256 of each unzipped file, both by file name.

    With `official`, a file whose sha256 is not MNIST's is refused.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. {WAY_OUT}")
    arrays, digests = {}, {}
    for name, expected in MNIST_SHA256.items():
        path = find(folder, name)
        content = unpack(path)
        arrays[name] = parse(content, path)
        digests[name] = hashlib.sha256(content).hexdigest()
        if official and digests[name] != expected:
            raise DataError(
                f"{path}: not the official MNIST file: sha256 {digests[name]}, expected {expected}. "
                f"For other images in this format, ask for data='idx:{folder}'. {WAY_OUT}"
            )
    _require_pairs(folder, arrays)
    return arrays, digests


def find(folder: Path, name: str) -> Path:
    """The file of this name, zipped or not, also under the spelling `train-images.idx3-ubyte`."""
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    present = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise DataError(f"{folder}: no {name} and no {name}.gz; the folder holds {present}. {WAY_OUT}")


def unpack(path: Path) -> bytes:
    """The file's content, unzipped if it is gzip (told by its first bytes, not by its name)."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read or unzipped ({error}). {WAY_OUT}") from error


def parse(content: bytes, path: Path) -> NDArray[np.uint8]:
    """The array an IDX file holds: magic (0, 0, type, axes), the axes' lengths, then the bytes."""
    axes = content[3] if len(content) >= 4 else 0
    if content[:3] != bytes((0, 0, _UNSIGNED_BYTES)) or axes not in (1, 3):
        raise DataError(f"{path}: starts with {content[:4].hex(' ')}, no IDX file of bytes. {WAY_OUT}")
    header = 4 + 4 * axes
    if len(content) < header:
        raise DataError(f"{path}: ends within its header, after {len(content)} bytes. {WAY_OUT}")
    shape = struct.unpack(f">{axes}I", content[4:header])
    expected = header + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        fault = "truncated" if len(content) < expected else "too long"
        raise DataError(
            f"{path}: {fault}: its header announces {' x '.join(map(str, shape))} = {expected} bytes, "
            f"it has {len(content)}. {WAY_OUT}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape).copy()


def _require_pairs(folder: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    for part in ("train", "t10k"):
        images, labels = arrays[f"{part}-images-idx3-ubyte"], arrays[f"{part}-labels-idx1-ubyte"]
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or not len(labels):
            raise DataError(
                f"{folder}: {part} images of shape {images.shape} and labels of shape {labels.shape} "
                "do not pair"
            )
