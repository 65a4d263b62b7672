"""Finished runs as JSON lines: an interrupted benchmark goes on where it was."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Key = tuple[str, str, str, float, int]


def key(record: Record) -> Key:
    """What makes a run the run it is."""
    return record["row"], record["start"], record["optimizer"], record["rate"], record["seed"]


class Store:
    """A file of records; several processes may add to it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> dict[Key, Record]:
        """Every run, the newest of each."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return {key(record): record for record in map(json.loads, lines)}

    def add(self, record: Record) -> None:
        """Appends one run."""
        with self.path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(record) + "\n")

    def forget(self, rows: set[str], starts: set[str]) -> int:
        """Leaves out the runs of these starts in these rows; how many there were."""
        kept = {k: r for k, r in self.records().items() if not (r["row"] in rows and r["start"] in starts)}
        gone = len(self.records()) - len(kept)
        self.path.write_text("".join(json.dumps(record) + "\n" for record in kept.values()))
        return gone
