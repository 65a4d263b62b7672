"""Plain chains: weights with nothing but activations between them, where the start alone decides."""

from __future__ import annotations

import math

from isogain.core.activations import Activation, activation
from isogain.core.initializers import (
    DeltaOrthogonal,
    Initializer,
    MirroredOrthogonal,
    Orthogonal,
    VarianceScaling,
)
from isogain.graph.chains import Chain
from isogain.graph.entry import tidy
from isogain.graph.links import Link
from isogain.graph.nodes import Node, WeightUse
from isogain.graph.pairing import paired_weights
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import leaving, share, sizes
from isogain.graph.scene import Scene, Site
from isogain.graph.taps import tap
from isogain.theory.deep_start import LOGITS, DeepStart
from isogain.theory.mirrored import known_by_name

__all__ = ["LINEAR", "STEADY"]

LINEAR = activation("linear")
STEADY = 0.02
"""Relative error of a signal that an isometry may leave uncorrected."""


@rule(order=50)
def plain_chain(site: Site) -> Decision | None:
    """A weight of a plain chain: mirrored, orthogonal or Gaussian, at the point where gains are 1."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None:
        return None
    scene = site.scene
    chain = scene.chains.of.get(node.index)
    if chain is None or _inside_block(scene, node):
        return None
    behind = scene.chains.before.get(node.index)
    if scene.deep(chain):
        return _deep(site, chain, behind, node, use)
    return _shallow(scene, chain, behind, node, use)


def _inside_block(scene: Scene, node: Node) -> bool:
    return node.index in scene.blocks.of_weight


def _ends(scene: Scene, node: Node) -> bool:
    """Whether the chain ends at this weight."""
    return node.index not in scene.chains.after


def _leading(scene: Scene, node: Node, behind: Link | None) -> Activation:
    """The activation before a weight, or for the first one, after it."""
    if behind is not None:
        return scene.activation(behind) or LINEAR
    after = scene.chains.after.get(node.index)
    return (scene.activation(after[0]) if after else None) or LINEAR


def _deep(site: Site, chain: Chain, behind: Link | None, node: Node, use: WeightUse) -> Decision:
    scene = site.scene
    phi = _leading(scene, node, behind)
    start = scene.start(chain, phi)
    last = _ends(scene, node)
    reads = behind is not None and behind.source in scene.once(paired_weights)
    makes = node.index in scene.once(paired_weights)
    signal = _signal(scene, chain, node, last, start)
    if reads or makes:
        position = "hidden" if reads and makes else "last" if reads else "first"
        return _mirrored(phi, start, position, signal, use, behind, tap(scene, node))
    gain = _gain(start, phi, behind, signal)
    return _isometry(start, phi, gain, signal, use, tap(scene, node))


def _signal(scene: Scene, chain: Chain, node: Node, last: bool, start: DeepStart) -> float:
    """Root mean square that the operation's output shall have: what the activation after it wants."""
    if last:
        size = leaving(scene, node)
        return math.sqrt(start.q) if math.isnan(size) else size
    after = scene.chains.after[node.index][0]
    return math.sqrt(scene.start(chain, scene.activation(after) or LINEAR).q)


def _gain(start: DeepStart, phi: Activation, behind: Link | None, signal: float) -> float:
    if behind is None:
        return signal
    if start.kind == "mirrored":  # the halves are not there: all of phi acts
        q = start.q
        return signal / math.sqrt(phi.moments(q).second.value)
    return start.gain * signal / math.sqrt(start.q)


def _mirrored(
    phi: Activation, start: DeepStart, position: str, signal: float, use: WeightUse, behind: Link | None,
    centre: str,
) -> Decision:  # fmt: skip
    """[[Q, -Q], [-Q, Q]] and its ends: only phi(z) - phi(-z) acts, a straight line or nearly one."""
    outputs, inputs, receptive = sizes(use)
    rows = outputs if position == "last" else outputs // 2
    columns = inputs if position == "first" else inputs // 2
    widening = math.sqrt(max(rows / max(columns, 1), 1.0))
    centre = "whole" if _spreads(use, rows, columns) else centre
    if centre == "whole":
        widening = math.sqrt(max(rows / max(columns * receptive, 1), 1.0))
    if position == "first":
        size = math.sqrt(phi.moments(start.q).second.value) if behind is not None else 1.0
        gain = signal * widening / size
        law: Initializer = MirroredOrthogonal(
            activation="relu", position=position, gain=tidy(gain), centre=centre
        )
    else:
        name, slope = known_by_name(phi)
        gain = start.gain * signal / math.sqrt(start.q) * widening / slope
        law = MirroredOrthogonal(activation=name, position=position, gain=tidy(gain), centre=centre)
    blocks = {"first": "[Q; -Q]", "hidden": "[[Q, -Q], [-Q, Q]]", "last": "[Q, -Q]"}[position]
    reason = f"{blocks}: {start.reason}"
    unit = 1.0 if position == "first" else signal / math.sqrt(start.q)
    return Decision(law, reason, unit, signal, STEADY)


def _spreads(use: WeightUse, rows: int, columns: int) -> bool:
    """Whether a kernel's centre alone would lose positions (strides) or make channels alike."""
    _, _, receptive = sizes(use)
    return receptive > 1 and (max(use.stride) > 1 or rows > columns)


def _isometry(
    start: DeepStart, phi: Activation, gain: float, signal: float, use: WeightUse, centre: str
) -> Decision:
    outputs, inputs, receptive = sizes(use)
    if start.kind == "gaussian":
        law: Initializer = VarianceScaling(tidy(gain**2), "fan_in", "normal")
        return Decision(law, start.reason, gain, signal, STEADY)
    widening = math.sqrt(max(outputs / max(inputs, 1), 1.0))
    if receptive > 1 and centre != "whole" and not _spreads(use, outputs, inputs):
        law = DeltaOrthogonal(tidy(gain * widening), centre)
        place = "the kernel's centre" if centre == "floor" else f"its {centre} tap, which reads in place"
        return Decision(law, f"orthogonal at {place}: {start.reason}", gain, signal, STEADY)
    columns = inputs * receptive
    law = Orthogonal(tidy(gain * math.sqrt(max(outputs / max(columns, 1), 1.0))))
    return Decision(law, f"orthogonal: {start.reason}", gain, signal, STEADY)


def _shallow(scene: Scene, chain: Chain, behind: Link | None, node: Node, use: WeightUse) -> Decision:
    """Few layers: Gaussian weights that keep the signal's size, as the whole width then takes part."""
    phi = (scene.activation(behind) or LINEAR) if behind is not None else LINEAR
    size = leaving(scene, node)
    signal = share(scene, node) if math.isnan(size) else size
    gain = phi.gain() * signal
    law = VarianceScaling(tidy(gain**2), "fan_in", "normal")
    what = f"1 / E[phi^2] of {phi.name}" if behind is not None else "1 for inputs of second moment 1"
    reason = f"fan_in Var[w] = {gain**2:.4g}, from {what}: signals keep their size over {chain.depth} layers"
    if not math.isnan(size):
        reason = (
            f"results of size {size:.3g}, outputs of {LOGITS:g}: the loss starts near that of knowing nothing"
        )
    return Decision(law, reason, gain, signal, 0.05)
