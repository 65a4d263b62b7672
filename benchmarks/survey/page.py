"""docs/wild.md from what is stored (written below)."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def outcome(record: Record, start: str) -> str:
    """What `init_` did, in a word or two."""
    found = record[start]
    if found["raised"]:
        return "raised"
    if not found["drew"]:
        return "left"
    after = found["after"]
    return f"drew ({after['verdict']}, loss {record['own']['loss']:.3g} to {after['loss']:.3g})"
