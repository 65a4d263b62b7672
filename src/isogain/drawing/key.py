"""(scheme version, seed, path) -> the 96 bits that key one parameter's stream.

The mapping is part of the public contract: a change of any constant here, in `polynomials`, `variates` or
`reference` changes everybody's weights and must raise `SCHEME_VERSION`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, SupportsIndex, final

from isogain.checking import shown
from isogain.errors import DrawError

__all__ = ["SCHEME_VERSION", "SEED_LIMIT", "Key"]

SCHEME_VERSION: Final = 2
SEED_LIMIT: Final = 2**127
"""Seeds are the integers in [-SEED_LIMIT, SEED_LIMIT): every signed 128-bit number."""


@final
@dataclass(frozen=True)
class Key:
    """Three 32-bit words: the two Philox key words, and word 2 of every counter.

    Different (seed, path) collide with probability 2^-96: about 6e-18 for a million parameters.
    """

    word0: int
    word1: int
    stream: int

    @staticmethod
    def of(seed: SupportsIndex, path: str) -> Key:
        """The key of one parameter: BLAKE2b of (version, seed, length of path, path).

        >>> Key.of(0, "fc1.weight") == Key.of(0, "fc1.weight")
        True

        Raises DrawError unless seed is an integer in [-2^127, 2^127) and path a string of Unicode text.
        """
        text = _utf8(path)
        message = SCHEME_VERSION.to_bytes(4, "little") + _seed_bytes(seed)
        message += len(text).to_bytes(8, "little") + text
        digest = blake2b(message, digest_size=12, person=b"isogain").digest()
        return Key(*(int.from_bytes(digest[i : i + 4], "little") for i in (0, 4, 8)))


def _seed_bytes(seed: SupportsIndex) -> bytes:
    try:
        value = None if isinstance(seed, bool) else operator.index(seed)
    except Exception:
        value = None
    if value is None:
        raise DrawError(f"seed must be an integer, got {shown(seed)}; pass for instance seed=0")
    if not -SEED_LIMIT <= value < SEED_LIMIT:
        raise DrawError(f"seed must lie in [-2**127, 2**127), got {shown(value)}")
    return value.to_bytes(16, "little", signed=True)


def _utf8(path: str) -> bytes:
    if not isinstance(path, str):
        raise DrawError(f"path must be a string such as 'fc1.weight', got {shown(path)}")
    try:
        return path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DrawError(f"path {shown(path)} is not Unicode text: {error}") from None
