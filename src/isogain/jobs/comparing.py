"""Several arms judged on the same seeds: who is ahead of whom, with intervals that hold all at once.

Of k arms there are k(k-1)/2 differences; each gets the paired t interval of confidence 1 - alpha / that many
(Bonferroni), so that with probability 1 - alpha none of them is wrong, whichever arm turns out to lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isogain.jobs.statistics import CONFIDENCE, Interval, interval

__all__ = ["Compared", "Lost", "compared", "each_confidence", "lag", "survivors"]

Scores = Mapping[int, float]
"""Seed -> score, higher is better."""


@dataclass(frozen=True)
class Compared:
    """One arm, against the one that leads."""

    name: str
    lag: Interval | None
    """How far it is behind the leader; None for the leader itself, or without two seeds in common."""

    @property
    def behind(self) -> bool:
        """Whether it is behind for certain."""
        return self.lag is not None and self.lag.above_zero


@dataclass(frozen=True)
class Lost:
    """A group that cannot win any more: which arm it is behind, and how far its best one is."""

    leader: str
    lag: Interval


def each_confidence(arms: int, confidence: float = CONFIDENCE, looks: int = 1) -> float:
    """The confidence of one interval, so that those of all pairs hold at every one of so many looks."""
    pairs = max(arms * (arms - 1) // 2, 1)
    return 1 - (1 - confidence) / (pairs * max(looks, 1))


def compared(
    scores: Mapping[str, Scores], confidence: float = CONFIDENCE, looks: int = 1, arms: int | None = None
) -> tuple[Compared, ...]:
    """Every arm, the leader first, the others by score; `arms` counts those that dropped out too."""
    order = sorted(scores, key=lambda name: -_mean(scores[name]))
    each = each_confidence(arms or len(scores), confidence, looks)
    leader = scores[order[0]]
    rest = (Compared(name, lag(leader, scores[name], each)) for name in order[1:])
    return (Compared(order[0], None), *rest)


def lag(leader: Scores, other: Scores, confidence: float) -> Interval | None:
    """The interval of leader - other over the seeds that both have, none for fewer than two.

    Differences that are all equal and not 0 have no spread to judge by (a metric that counts does that): they
    get no ends, since a few seeds that agree by chance would else be taken for certainty.
    """
    seeds = sorted(leader.keys() & other.keys())
    if len(seeds) < 2:
        return None
    gaps = np.array([leader[seed] - other[seed] for seed in seeds])
    found = interval(gaps, confidence)
    if np.ptp(gaps) == 0 and gaps[0] != 0:
        return Interval(found.mean, None, None, found.seeds)
    return found


def _mean(scores: Scores) -> float:
    return float(np.mean(list(scores.values()))) if scores else -np.inf


def survivors(
    scores: Mapping[str, Scores], groups: Mapping[str, str], confidence: float, arms: int
) -> tuple[Sequence[str], Mapping[str, Lost]]:
    """(the arms that could still win, the groups that cannot), of arms that belong to groups.

    An arm goes when another of its group is ahead of it for certain, and so does every arm of a group of
    which each is behind the leader for certain: none goes that could be the best at this confidence.
    """
    each = each_confidence(arms, confidence)
    best = {group: _best(scores, groups, group) for group in dict.fromkeys(groups.values())}
    leader = max(scores, key=lambda name: _mean(scores[name]))
    kept = [name for name in scores if not _behind(scores[best[groups[name]]], scores[name], each)]
    lost = {
        group: Lost(leader, found)
        for group, first in best.items()
        if all(_behind(scores[leader], scores[one], each) for one in scores if groups[one] == group)
        and (found := lag(scores[leader], scores[first], each)) is not None
    }
    return [name for name in kept if groups[name] not in lost], lost


def _best(scores: Mapping[str, Scores], groups: Mapping[str, str], group: str) -> str:
    return max((one for one in scores if groups[one] == group), key=lambda one: _mean(scores[one]))


def _behind(ahead: Scores, other: Scores, confidence: float) -> bool:
    found = lag(ahead, other, confidence)
    return found is not None and found.above_zero
