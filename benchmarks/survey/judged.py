"""What each alarm turned out to be when it was measured directly, without isogain."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Judgement(NamedTuple):
    """true, false, or by design: as said, but meant."""

    kind: Literal["true", "false", "by design", "not judged"]
    measured: str


JUDGED: dict[str, Judgement] = {}
