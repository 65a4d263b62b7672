"""The results store: one SQLite file in a results folder, every run under the hash of what it is.

A finished run is found again by its content (description, seed, data, engine), so it is never trained
twice; runs are written in one transaction each group, so an interrupt loses only what was being trained.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isogain.errors import LabError

__all__ = ["DEFAULT_FOLDER", "FILE_NAME", "Request", "Store", "StoredRun"]

DEFAULT_FOLDER = "isogain-results"
FILE_NAME = "results.sqlite"
APPLICATION_ID = 0x6973676E
"""'isgn', written into the file's header: tells our files from anybody else's."""
SCHEMA_VERSION = 1
_WAIT_S = 20.0
_SCHEMA = """
CREATE TABLE runs (
    key TEXT PRIMARY KEY, experiment TEXT NOT NULL, arm TEXT NOT NULL, seed INTEGER NOT NULL,
    content TEXT NOT NULL, elapsed_s REAL NOT NULL,
    finished_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE TABLE series (
    run TEXT NOT NULL REFERENCES runs (key) ON DELETE CASCADE, name TEXT NOT NULL,
    type TEXT NOT NULL, shape TEXT NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE TABLE requests (
    experiment TEXT PRIMARY KEY, content TEXT NOT NULL, complete INTEGER NOT NULL, elapsed_s REAL NOT NULL,
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
"""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class StoredRun:
    """A run on its way into the store."""

    key: str
    experiment: str
    arm: str
    seed: int
    content: Mapping[str, Any]
    elapsed_s: float
    arrays: Arrays


@dataclass(frozen=True)
class Request:
    """How an experiment was last asked for: enough to analyse it again without training."""

    experiment: str
    content: Mapping[str, Any]
    complete: bool
    elapsed_s: float


class Store:
    """Runs and requests in `folder`/results.sqlite; a context manager."""

    def __init__(self, folder: str | Path = DEFAULT_FOLDER, create: bool = True) -> None:
        """Opens the store, making folder and file unless `create` is False.

        Raises LabError when the file is no results store, is damaged, locked or cannot be written.
        """
        self.path = Path(folder) / FILE_NAME
        if not create and not self.path.is_file():
            raise LabError(
                f"{self.path}: no results yet; `isogain lab run NAME` or `isogain demo` makes some"
            )
        with self._explained():
            self._make_folder()
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(
                f"{self.path.parent}: cannot hold results ({error}); choose another folder"
            ) from error

    def _prepare(self) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if tables and application != APPLICATION_ID:
            raise LabError(
                f"{self.path}: an SQLite file of some other program; choose another results folder"
            )
        if tables and version != SCHEMA_VERSION:
            raise LabError(
                f"{self.path}: written in layout {version}, this isogain reads {SCHEMA_VERSION}; "
                "choose another results folder, or export with the version that wrote it"
            )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if not tables:
            self._create()

    def _create(self) -> None:
        with self._transaction():
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables:  # another process was faster
                return
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors as one clear message."""
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                advice = "another program is writing to it; wait for it, or choose another results folder"
            elif "readonly" in text or "unable to open" in text:
                advice = "it cannot be written; choose another results folder"
            else:
                advice = "it is damaged or no results store; move it away, or choose another folder"
            raise LabError(f"{self.path}: {text}; {advice}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def present(self, keys: Iterable[str]) -> set[str]:
        """Those of these runs that are finished."""
        with self._explained():
            every = {key for (key,) in self._connection.execute("SELECT key FROM runs")}
        return every & set(keys)

    def save(self, runs: Iterable[StoredRun]) -> None:
        """All of these runs or, should anything fail, none."""
        with self._explained(), self._transaction():
            for run in runs:
                row = (run.key, run.experiment, run.arm, run.seed, json.dumps(run.content), run.elapsed_s)
                self._connection.execute(
                    "INSERT OR REPLACE INTO runs (key, experiment, arm, seed, content, elapsed_s) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    row,
                )
                self._connection.executemany(
                    "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)",
                    [(run.key, name, *_packed(numbers)) for name, numbers in run.arrays.items()],
                )

    def arrays(self, key: str) -> dict[str, NDArray[Any]]:
        """The measures of one finished run, by name."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT name, type, shape, numbers FROM series WHERE run = ?", (key,)
            ).fetchall()
        if not rows:
            raise LabError(f"{self.path}: run {key[:12]} is not in the store; run its experiment again")
        return {name: _unpacked(*packed) for name, *packed in rows}

    def elapsed(self, key: str) -> float:
        """Seconds that a finished run took."""
        with self._explained():
            row = self._connection.execute("SELECT elapsed_s FROM runs WHERE key = ?", (key,)).fetchone()
        return float(row[0]) if row else 0.0

    def every(self) -> Iterator[StoredRun]:
        """All finished runs, oldest first."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT key, experiment, arm, seed, content, elapsed_s FROM runs ORDER BY rowid"
            ).fetchall()
        for key, experiment, arm, seed, content, elapsed in rows:
            yield StoredRun(key, experiment, arm, seed, json.loads(content), elapsed, self.arrays(key))

    def remember(self, request: Request) -> None:
        """Keeps how an experiment was asked for; a new request replaces the older one of that name."""
        row = (request.experiment, json.dumps(request.content), request.complete, request.elapsed_s)
        with self._explained():
            self._connection.execute(
                "INSERT OR REPLACE INTO requests (experiment, content, complete, elapsed_s) "
                "VALUES (?, ?, ?, ?)",
                row,
            )

    def requests(self) -> list[Request]:
        """Every experiment asked for so far, oldest first."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT experiment, content, complete, elapsed_s FROM requests ORDER BY updated_at, rowid"
            ).fetchall()
        return [
            Request(name, json.loads(content), bool(done), elapsed) for name, content, done, elapsed in rows
        ]

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _packed(numbers: NDArray[Any]) -> tuple[str, str, bytes]:
    little = np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<"))
    return little.dtype.str, json.dumps(numbers.shape), little.tobytes()


def _unpacked(kind: str, shape: str, content: bytes) -> NDArray[Any]:
    return np.frombuffer(content, dtype=kind).reshape(json.loads(shape))
