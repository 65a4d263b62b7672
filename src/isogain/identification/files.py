"""Checkpoints without the model's code: .safetensors, .npz, .npy, and folders of them."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from isogain.checking import shown
from isogain.errors import DataError
from isogain.identification.stored import InFile, InMemory, Stored

__all__ = ["tensors_of_file"]

SAFE = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bfloat16"}
"""Kinds of safetensors that hold weights; whole numbers and bytes are no draws."""
LONGEST_HEADER = 1 << 27


def tensors_of_file(path: Path) -> Iterator[Stored]:
    """The tensors of real numbers in a file, or in all files of a folder."""
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise DataError(f"{shown(str(path))} is no path: {error.strerror}") from error
    if is_folder:
        files = sorted(one for one in path.iterdir() if one.suffix in READERS)
        if not files:
            raise DataError(f"{path}: no {', '.join(READERS)} file in this folder")
        for file in files:
            yield from READERS[file.suffix](file)
        return
    if path.suffix not in READERS:
        raise DataError(f"{shown(str(path))}: reads {', '.join(READERS)} files and folders of them")
    if not path.is_file():
        raise DataError(f"{shown(str(path))}: no such file")
    yield from READERS[path.suffix](path)


def _safetensors(file: Path) -> Iterator[Stored]:
    size = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size + 1
        if length > min(size - 8, LONGEST_HEADER):
            raise DataError(f"{file}: no safetensors file (its header would be {length} bytes of {size})")
        try:
            header = json.loads(opened.read(length))
            entries = {name: one for name, one in header.items() if name != "__metadata__"}
            found = [_entry(file, name, one, 8 + length, size) for name, one in entries.items()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file}: its safetensors header cannot be read: {error}") from error
    yield from (one for one in found if one is not None)


def _entry(file: Path, name: str, told: dict[str, Any], start: int, size: int) -> InFile | None:
    begin, end = told["data_offsets"]
    if not 0 <= begin <= end <= size - start:
        raise ValueError(f"{name} lies outside of the file")
    if told["dtype"] not in SAFE:
        return None
    return InFile(name, file, start + begin, tuple(told["shape"]), SAFE[told["dtype"]])


def _npz(file: Path) -> Iterator[Stored]:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    yield from _member(file, archive, info)
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DataError(f"{file}: cannot be read as .npz: {error}") from error


def _member(file: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Stored]:
    """Not compressed, a member's bytes lie in the file as they are; else it is unpacked, one at a time."""
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as opened:
        shape, fortran, dtype = _header(opened)
        if dtype.kind != "f":
            return
        begin = opened.tell()
        if info.compress_type == zipfile.ZIP_STORED and not fortran:
            yield InFile(name, file, _data_of(file, info) + begin, shape, dtype.str)
            return
        values = np.frombuffer(opened.read(), dtype)
    yield InMemory(name, values.reshape(shape[::-1]).T if fortran else values.reshape(shape))


def _data_of(file: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind its local header, whose fields have lengths of their own."""
    with file.open("rb") as opened:
        opened.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", opened.read(4))
    return info.header_offset + 30 + int(name) + int(extra)


def _header(opened: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(opened)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(opened)
    return tuple(shape), bool(fortran), dtype


def _npy(file: Path) -> Iterator[Stored]:
    try:
        with file.open("rb") as opened:
            shape, fortran, dtype = _header(opened)
            begin = opened.tell()
    except (ValueError, OSError) as error:
        raise DataError(f"{file}: cannot be read as .npy: {error}") from error
    if fortran or dtype.kind != "f":
        raise DataError(
            f"{file}: holds {shown(str(dtype))}{' in Fortran order' * fortran}, not real numbers in C order"
        )
    yield InFile(file.stem, file, begin, shape, dtype.str)


READERS = {".safetensors": _safetensors, ".npz": _npz, ".npy": _npy}
