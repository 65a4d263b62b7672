"""The worker's side of a job: what all jobs share is unpacked once in a process."""

from __future__ import annotations

import hashlib
import pickle
import sys
from typing import Any, NamedTuple

from isogain.errors import JobError

__all__ = ["Absent", "Parcel", "packed", "work"]

_UNPACKED: dict[str, Any] = {}
"""What the jobs of the present crew share."""


class Absent(Exception):
    """This process has not been given what the jobs share."""


class Parcel(NamedTuple):
    """What all jobs share, as it travels; without content where it was sent before."""

    digest: str
    content: bytes | None

    @property
    def slip(self) -> Parcel:
        """Its name alone."""
        return Parcel(self.digest, None)


def packed(value: Any) -> Parcel:
    """The value as bytes, after where its modules are."""
    import cloudpickle

    try:
        content = pickle.dumps((sys.path, cloudpickle.dumps(value)))
    except Exception as error:
        raise JobError(
            f"what the jobs share cannot be sent to other processes ({error}): make it inside a function "
            "of a module, or let this process run the jobs, workers=1"
        ) from error
    return Parcel(hashlib.sha256(content).hexdigest(), content)


def work(parcel: Parcel, index: int, item: Any) -> tuple[int, Any]:
    """(index, result) of one item by the function in the parcel; Absent where that has not come here."""
    if parcel.digest not in _UNPACKED:
        if parcel.content is None:
            raise Absent
        places, content = pickle.loads(parcel.content)
        sys.path.extend(place for place in places if place not in sys.path)
        _UNPACKED.clear()
        _UNPACKED[parcel.digest] = pickle.loads(content)
    function, shared = _UNPACKED[parcel.digest]
    return index, function(shared, item)
