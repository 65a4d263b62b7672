"""Parameters that start at a fixed value: norms, biases, gates of branches, adapters."""

from __future__ import annotations

import math

from isogain.core.initializers import Normal, Ones, Zeros
from isogain.graph.nodes import Node
from isogain.graph.rules.deliberate import SHUT, cut
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Own, Site

__all__: list[str] = []


@rule(order=5)
def maker(site: Site) -> Decision | None:
    """What makes the weights of another operation: its size would be theirs, which no rule foresees."""
    if site.parameter.model_name not in site.scene.makers:
        return None
    return Decision(None, "its results are the weights of another operation: it keeps what it has")


@rule(order=19)
def shut_for_all(site: Site) -> Decision | None:
    """A scale of next to nothing on the only way: unlike a branch's, it hides every weight behind it."""
    own = site.own
    if own is None or not own.rms < SHUT or "bias" in site.last_name or not site.nodes:
        return None
    if not all(node.index in site.scene.once(cut) for node in site.nodes):
        return None
    reason = f"a scale of {own.rms:.2g} that nothing goes around: 1 lets signals through"
    return Decision(Ones(), reason, layout="*", role=site.role)


@rule(order=20)
def norm(site: Site) -> Decision | None:
    """A norm keeps a constant scale and shift; random ones hinder it, so they become 1 and 0."""
    if not site.nodes or not all(_of_norm(site, node) for node in site.nodes):
        return None
    own = site.own
    if own is not None and own.constant:
        return Decision(None, f"a norm's own constant ({own.rms:g}) is kept", role="norm")
    if "bias" in site.last_name or site.last_name in ("beta", "b"):
        return Decision(Zeros(), "a norm's shift starts at 0", layout="*", role="norm")
    if site.name in site.scene.shifted:
        return Decision(Zeros(), "a norm's scale is 1 + w: w starts at 0", layout="*", role="norm")
    return Decision(Ones(), "a norm's scale starts at 1: it hands on unit variance", layout="*", role="norm")


def _of_norm(site: Site, node: Node) -> bool:
    """Whether a node is a norm, or the product or sum by which one applies its scale or shift."""
    if node.kind == "norm":
        return True
    graph, station = site.scene.graph, site.scene.links.station
    before = [graph.nodes[station[one]] for one in node.inputs]
    scales = node.kind in ("multiply", "add") and len(site.parameter.shape) <= 1
    return scales and bool(before) and all(one.kind == "norm" for one in before)


@rule(order=30)
def bias(site: Site) -> Decision | None:
    """Biases start at 0; where the critical point asks for a variance, at that."""
    owners = [node for node in site.nodes if node.weight is not None and node.weight.bias == site.name]
    if not owners and not _is_added(site):
        return None
    if any(node.kind == "recurrent" for node in site.nodes):
        return None
    if not owners and any(node.weight is not None for node in site.nodes):
        return Decision(None, "used together with other parameters before any signal: it keeps what it has")
    own = site.own
    if own is not None and (own.set_by_hand or _beyond_chance(site, own)):
        return Decision(None, f"a bias of mean {own.mean:.3g} was set by hand: kept", role="bias")
    variance = max((_variance(site, node.index) for node in owners), default=0.0)
    if variance > 0:
        reason = f"the critical point needs Var[b] = {variance:.4g}"
        return Decision(Normal(math.sqrt(variance)), reason, layout="*", role="bias")
    return Decision(Zeros(), "weights break the symmetry; a bias starts at 0", layout="*", role="bias")


def _beyond_chance(site: Site, own: Own) -> bool:
    """Whether a bias of few units is twice what PyTorch's own start, U(+-1 / sqrt(fan_in)), can be."""
    uses = (node.weight for node in site.nodes if node.weight is not None)
    use = next((one for one in uses if one.bias == site.name), None)
    if use is None or use.fans is None or own.size > 3:
        return False
    return own.rms * math.sqrt(use.fans.fan_in) > 2


def _is_added(site: Site) -> bool:
    """Whether a row of numbers is called a bias."""
    row = sum(size > 1 for size in site.parameter.shape) <= 1
    return row and (site.last_name.startswith("bias") or site.last_name.endswith("bias"))


def _variance(site: Site, index: int) -> float:
    scene = site.scene
    chain = scene.chains.of.get(index)
    after = scene.chains.after.get(index)
    phi = scene.activation(after[0]) if after else None
    if chain is None or phi is None or not scene.deep(chain):
        return 0.0
    start = scene.start(chain, phi)
    return start.bias_variance if start.kind == "gaussian" else 0.0
