"""Whether a drawn start is worse than the model's own: by findings, by the loss, by what the passes saw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from isogain.core.initializers import Zeros
from isogain.core.values.initializer import Initializer
from isogain.errors import IsogainError
from isogain.graph.entry import Entry
from isogain.graph.paths import stable_path
from isogain.graph.plan import Plan
from isogain.inspect import Report
from isogain.inspect.findings import at_least
from isogain.torch.call.processes import ALONE, Processes
from isogain.torch.draw.targets import targets
from isogain.torch.record.gauge import Gauge
from isogain.torch.start.calibration import Measured
from isogain.torch.start.settling import settled

__all__ = ["Contest", "Snapshot", "sound"]

Answer = TypeVar("Answer")
NEAR = 1.5
"""Factor within which a signal is where the plan wants it."""
COSTLY = 5.0
"""Loss from which on a look may show a prior that is missing; others cost little."""
EVEN = 10.0
"""Ratio of the longest to the shortest gradient of a chain that passes them on."""
CLEARLY = 0.1
"""Share of the first loss by which a short run must come further to count."""
FURTHER = 0.25
"""Share of its loss after a few usual steps by which a model's own start must be ahead of one asked for."""
SOME = 0.01
"""Share of the first loss below which two losses are level."""
UNREACHED = "unused-parameter"
"""What is found in the code: other numbers in these parameters change nothing of it."""


class Snapshot:
    """Copies of the parameters a plan writes, to put them back."""

    def __init__(self, model: nn.Module, made: Plan) -> None:
        found = targets(model)
        paths = [entry.path for entry in made.drawn if entry.path in found]
        tensors = [tensor for path in paths for tensor in found[path].tensors if not tensor.is_meta]
        self._kept = [(tensor, tensor.detach().clone()) for tensor in tensors]

    @torch.no_grad()
    def restore(self) -> None:
        """Every parameter as it was."""
        for tensor, value in self._kept:
            tensor.copy_(value)

    @torch.no_grad()
    def asked(self, look: Callable[[], Answer]) -> Answer:
        """What `look` says of the model as it was; afterwards it is as it is now."""
        present = [tensor.detach().clone() for tensor, _ in self._kept]
        self.restore()
        try:
            with torch.enable_grad():
                return look()
        finally:
            for (tensor, _), value in zip(self._kept, present, strict=True):
                tensor.copy_(value)


@dataclass
class Contest:
    """The model's own start against the plan's: inspected where the passes made anyway do not decide."""

    look: Callable[[], Report]
    """Inspects the model as it stands."""
    compared: bool
    """Whether the better one stays; else the plan's does, if its signals are numbers and none goes silent."""
    hurt: bool
    """Whether depth is seen to hurt the model's own start."""
    findings: bool
    """Whether both reports were asked for, or the own one is to tell what one value settles."""
    processes: Processes = ALONE
    """Those that start the same model: the first one decides."""
    learnt: Callable[[], float] | None = None
    """The loss after a short run from the start that is in place, where there is a loss; all undone."""
    stepped: Callable[[], float] | None = None
    """The same after a few steps at a usual rate; where the plan's start is asked for, but might be left."""
    own: Report | None = None
    drawn: Report | None = None

    def stays(self) -> bool:
        """Whether the model's own start is as good as it is."""
        if self.findings or (self.compared and not self.hurt):
            self.own = self.look()
        return self.compared and not self.hurt and self.own is not None and sound(self.own)

    def lost(self, made: Plan, before: Gauge, after: Measured, kept: Snapshot) -> str:
        """Why the plan's start, which is in place, is not to stay; empty where it is."""
        if why := self.processes.first(_broken(before, after) or _silenced(made, before, after)):
            return why
        dearer = before.judged and _louder(before.loss, after.loss)
        plain = self.processes.first(confirmed(made, after) and not dearer)
        if self.stepped is not None and (why := self._falls_behind(before.loss, kept)):
            return why
        if not dearer and (why := self._overtaken(before, kept)):
            return why
        if self.own is None and (plain or not (self.compared or self.stepped)):
            return ""
        self.drawn = self.look()
        if self.stepped is not None:
            return self._ruined(kept)
        if self.compared and self.own is None and self.processes.first(self._doubtful(before)):
            self.own = kept.asked(self.look)
        if not self.compared or self.own is None:
            return ""
        return _harm(self.own, self.drawn, self.hurt) or self._less_learnt(self.own, self.drawn, kept)

    def _overtaken(self, before: Gauge, kept: Snapshot) -> str:
        """Why a healthy start stays that its depth alone speaks against: a short run comes further."""
        may_be_left = self.compared and self.hurt and before.judged and self.processes is ALONE
        if not may_be_left or self.learnt is None:
            return ""
        self.own = self.own or kept.asked(self.look)
        return self._behind(kept, SOME * abs(before.loss)) if sound(self.own) else ""

    def _behind(self, kept: Snapshot, room: float) -> str:
        """Why the plan's start, which is in place, is not to stay: a short run comes further without it."""
        assert self.learnt is not None
        then, own = _reached(self.learnt), kept.asked(partial(_reached, self.learnt))
        if math.isfinite(own) and not then <= own + room:
            return f"a short run from the plan's start comes to {then:.4g}, from its own to {own:.4g}"
        return ""

    def _less_learnt(self, own: Report, drawn: Report, kept: Snapshot) -> str:
        """Why the own start stays where both are critical: numbers of findings decide nothing, a run does."""
        ill = own.verdict == drawn.verdict == "critical" and _is_loss(own)
        if not ill or self.learnt is None or self.processes is not ALONE:
            return ""
        return self._behind(kept, CLEARLY * abs(own.table.loss_value))

    def _falls_behind(self, first: float, kept: Snapshot) -> str:
        """Why a start that was asked for is not to stay: the same steps from the own one come further."""
        assert self.stepped is not None
        then, own = _reached(self.stepped), kept.asked(partial(_reached, self.stepped))
        behind = math.isfinite(own) and then - own > max(FURTHER * abs(own), SOME * abs(first))
        if not behind:
            return ""
        self.own, self.drawn = self.own or kept.asked(self.look), self.look()
        if _compared(self.own, self.drawn) > 0:
            return ""
        return f"a few steps from the plan's start come to {then:.4g}, from its own to {own:.4g}"

    def _ruined(self, kept: Snapshot) -> str:
        """Why a start that was asked for is not to stay: it is critical, and the own one is not."""
        assert self.drawn is not None
        if self.drawn.verdict != "critical":
            return ""
        self.own = self.own or kept.asked(self.look)
        return "" if self.own.verdict == "critical" else _harm(self.own, self.drawn, hurts=False)

    def unsettled(self, after: Measured) -> dict[str, tuple[Initializer, str]]:
        """What a look at the plan's start, which is in place and costly, shows that one value settles."""
        return settled(self.look()) if after.loss > COSTLY else {}

    def _doubtful(self, before: Gauge) -> bool:
        """Whether the plan's start is not plainly good, so that the model's own is worth a look."""
        assert self.drawn is not None
        return not sound(self.drawn) or _louder(before.loss, self.drawn.table.loss_value)


def sound(report: Report) -> bool:
    """Whether nothing graver than a note is found that other numbers in the parameters could mend."""
    return not any(at_least(f.severity, "warning") and f.code != UNREACHED for f in report.findings)


def _reached(run: Callable[[], float]) -> float:
    """What a run comes to; nan where the model cannot be stepped."""
    try:
        return run()
    except (IsogainError, RuntimeError):
        return math.nan


def _broken(before: Gauge, after: Measured) -> str:
    """Why a start is none: signals were numbers before, and are none now; empty where they are."""
    if before.finite and not after.finite:
        return "the plan's start is not finite on this batch"
    return ""


def _silenced(made: Plan, before: Gauge, after: Measured) -> str:
    """Which layer carried a signal and carries none now, though nothing was set to 0 before it.

    What fires only above a threshold falls silent so: no rate brings it back.
    """
    for node in after.nodes:
        entry = _entry(made, node.weight.name) if node.weight is not None else None
        if entry is None or node.index >= len(before.nodes) or before.nodes[node.index].op != node.op:
            continue
        if isinstance(entry.initializer, Zeros):
            return ""
        if after.size(node.index) == 0.0 < before.size(node.index):
            return f"the plan's start silences {node.path or entry.path}"
    return ""


def confirmed(made: Plan, after: Measured) -> bool:
    """Whether the pass found every signal where the plan wants it, and gradients of one size all the way.

    Then nothing is left that an inspection could find: the plan foretold each of the model's layers.
    """
    entries = {node.index: _entry(made, node.weight.name) for node in after.nodes if node.weight is not None}
    measured = [(after.size(index), entry) for index, entry in entries.items() if entry is not None]
    if len(measured) < len(entries) or not measured:
        return False
    near = (entry.signal / NEAR < size < entry.signal * NEAR for size, entry in measured)
    back = [after.gradient(index) * math.sqrt(math.prod(after.nodes[index].shape)) for index in entries]
    return all(near) and 0 < max(back) < EVEN * min(back)


def _entry(made: Plan, name: str) -> Entry | None:
    path = stable_path(name)
    if path not in made:
        return None
    return made[path]


def _harm(own: Report, drawn: Report, hurts: bool) -> str:
    """Why the model's own start is the better one; empty where it is not.

    One that its depth hurts has to be no better; any other gives way only to one in which less is found.
    """
    gain = _compared(own, drawn)
    if gain < 0:
        return f"the plan's start is {drawn.verdict} ({drawn.cause}), its own {own.verdict}"
    if gain == 0 and not hurts:
        return f"the plan's start mends nothing of what is found in its own ({own.cause})"
    if (
        _louder(own.table.loss_value, drawn.table.loss_value)
        and _is_loss(own)
        and not (gain and own.verdict == "critical")
    ):
        return (
            f"the plan's start has a loss of {drawn.table.loss_value:.4g}, its own {own.table.loss_value:.4g}"
        )
    return ""


def _is_loss(report: Report) -> bool:
    return report.table.loss_source != "random projection"


def _louder(own: float, drawn: float) -> bool:
    """Whether a loss more than doubled, or is no number any more; of negative ones, rose by their size."""
    return math.isfinite(own) and not drawn <= own + abs(own)


def _compared(own: Report, drawn: Report) -> int:
    """1: fewer findings than before, first the critical ones; 0: as many; -1: more."""
    before, after = _badness(own), _badness(drawn)
    return (before > after) - (before < after)


def _badness(report: Report) -> tuple[int, int]:
    severe = [sum(f.severity == s for f in report.findings) for s in ("critical", "warning")]
    return severe[0], severe[1]
