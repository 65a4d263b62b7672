"""Processes that scale the same weights by what all of their batches say, as long as they do the same."""

from __future__ import annotations

from isogain.torch.call.processes import Processes
from isogain.torch.measure.sizes import MeanSquare

__all__ = ["Chorus"]

_END = ""


class Chorus:
    """Mean squares over the batches of all processes, asked for in the middle of a pass.

    Each says where it is.  Once they are at different places (experts that one batch chooses and another does
    not), every one of them goes on alone to the end of the pass, where they meet.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.apart = not processes.groups

    def mean(self, place: str, own: MeanSquare) -> float:
        """E[|x|^2] of what all of them measured at this place."""
        if self.apart:
            return own.value
        found = self.processes.all((place, own.read()))
        self.apart = any(other != place for other, _ in found)
        return own.value if self.apart else MeanSquare.over(one for _, one in found).value

    def end(self, lost: bool) -> bool:
        """At the end of a pass: whether any of them lost its way."""
        while self.processes.groups:
            found = self.processes.all((_END, lost))
            if all(place == _END for place, _ in found):
                self.apart = False
                return any(one for _, one in found)
        return lost
