"""What single operations do beside handing on a signal: attention, gates, angles, decays, choices."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "Angles", "Attention", "BufferState", "Choices", "Clipped", "Company", "Decays", "Gates", "Grid", "Look",
    "Offset", "Rows", "Seen", "Sum",
]  # fmt: skip


@dataclass(frozen=True)
class Attention:
    """The logits of a softmax over keys, from sampled queries; one number a head."""

    keys: int
    """Keys that the sampled queries may attend to, their median."""
    logits: tuple[float, ...]
    """Standard deviation over the keys of a query, root mean square over queries."""
    content: tuple[float, ...]
    """That part of it which differs from sample to sample: no mask and no bias of positions; nan for one."""
    entropy: tuple[float, ...]
    """Of the weights, as a share of ln(keys): 1 is uniform, 0 one-hot."""
    largest: tuple[float, ...]
    """Mean of each query's largest weight."""
    places: int = 0
    """Keys that there are, allowed or not."""
    hidden: tuple[tuple[bool, ...], ...] = ()
    """Of the first samples, which keys no query may see; empty for a sample that may see all or none."""
    inverted: bool = False
    """Whether a mask hides what the samples are and leaves what fills them up."""


@dataclass(frozen=True)
class Gates:
    """The gates of a fused recurrent layer at sampled steps, by their letters."""

    letters: str
    size: tuple[float, ...]
    """Root mean square of what each gate receives."""
    flat: tuple[float, ...]
    """Share where the slope is below 6 % of the steepest, and no unit's own mean offset explains it."""
    held: tuple[float, ...]
    """Share where the unit's own mean offset explains it: a gate held open or shut by its bias."""
    expected: tuple[float, ...]
    """The share for a standard normal."""
    kept: float = math.nan
    """What a step leaves of the last state at most: |W^8|^(1/8), or the gate's value; nan for a few units."""


@dataclass(frozen=True)
class Angles:
    """What a sine or cosine receives, in radians."""

    rms: float
    largest: float
    observations: int
    spread: float
    """Standard deviation over the observations, root mean square over channels."""
    fastest: float
    """That of the channel that turns most."""
    nearest: float
    """How far the slowest tenth of the channels turn between an observation and its nearest neighbour."""
    rounding: float
    """Error of the largest angle in the type it is held in."""
    constant: bool
    """Whether all observations are one."""
    alike: int = 0
    """How many units it has, where in every observation all of them are one; 0 otherwise."""
    kinship: float = 1.0
    """Mean cosine over channels of the turn between an observation and its nearest neighbour."""
    regular: bool = False
    """Whether the observations are a grid: all have their nearest neighbour at one distance."""


@dataclass(frozen=True)
class Decays:
    """-ln of the factors exp(-rate) that a state keeps from one step to the next."""

    slowest: float
    """The 2 % quantile of the rates."""
    median: float
    fastest: float
    """The 98 % quantile."""
    alike: int = 0
    """How many units it has, where in every observation all of them are one; 0 otherwise."""
    alone: float = math.nan
    """Of a square matrix with a diagonal of zeros, as distances have: the least beside it, median over
    rows."""


@dataclass(frozen=True)
class Choices:
    """Rows of a matrix that an index takes."""

    rows: int
    observations: int
    used: int
    """How many different ones."""


@dataclass(frozen=True)
class Clipped:
    """Numbers that are cut off at two bounds."""

    share: float
    """Of those that are not 0, how many lie beyond."""
    rms: float
    limit: float
    """The farther of the bounds."""


@dataclass(frozen=True)
class Sum:
    """A sum of two signals, looked at where some parameters are frozen."""

    overlap: float
    """Root mean square cosine of the summands, about 1 / sqrt(units) for unrelated ones."""


@dataclass(frozen=True)
class Rows:
    """A constant table with a row for each place, added to a signal."""

    places: int
    rms: float
    apart: float
    """How far rows stray from their mean, root mean square."""
    across: float
    """Standard deviation of that mean over the channels."""
    signal: float
    """Root mean square of what it is added to."""


@dataclass(frozen=True)
class Grid:
    """Where a signal is read, in coordinates from -1 to 1."""

    places: int
    outside: float
    """Share of the places that lie outside."""
    rms: float


@dataclass(frozen=True)
class Company:
    """An operation by which answers depend on the samples beside, in evaluation mode."""

    samples: int
    apart: float
    """How far the answers of the first half alone are from those among all; 1 is their standard deviation."""


Seen = Attention | Gates | Angles | Decays | Choices | Clipped | Sum | Rows | Grid | Company


@dataclass(frozen=True)
class Look:
    """One closer look at one operation."""

    path: str
    op: str
    node: int | None
    """Its node; None for what is computed of parameters and constants alone."""
    seen: Seen
    parameters: tuple[str, ...] = ()
    """Parameters that it reads directly."""


@dataclass(frozen=True)
class BufferState:
    """One buffer's values."""

    name: str
    dtype: str
    device: str
    largest: float
    """Largest |x| of finite ones, but for the most negative number of the type, which is a mask."""
    smallest: float
    """Smallest |x| of those not 0."""
    nan: int
    on_device: bool = True
    negative_variance: bool = False
    """Whether it is a norm's running variance with a number below 0."""


@dataclass(frozen=True)
class Offset:
    """A constant that makes a loss of the caller's own cheaper when it is added to an output."""

    node: int | None
    of: tuple[str, ...]
    """The parameters that the output is, where it is no node."""
    value: float
    best: float
    by: float
    """The constant, to a quarter of it, at which the loss is `best` instead of `value`."""
    channel: int | None = None
    """The channel of several that it is added to; None for all of them."""
    units: int = 1
    """How many channels there are."""
    level: float = 0.0
    """Mean of what it is added to."""
