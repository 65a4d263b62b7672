"""Networks of sines (Sitzmann et al. 2020, section 3.2): uniform weights that fit the frequency."""

from __future__ import annotations

import math

from isogain.core.initializers import Uniform, VarianceScaling
from isogain.graph.entry import tidy
from isogain.graph.links import Link
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Site

__all__: list[str] = []

FAST = 5.0
"""Slope of sin(omega x) at 0 from which on a network is one of frequencies."""


@rule(order=40)
def sine(site: Site) -> Decision | None:
    """U(-1 / n, 1 / n) before the first sine, U(-sqrt(6 / n) / omega, ...) between and after."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None:
        return None
    scene = site.scene
    link = scene.links.into.get(node.index)
    fast = _omega(site, link) if link else 0.0
    if fast > FAST:
        law = VarianceScaling(tidy(2 / fast**2), "fan_in", "uniform")
        return Decision(
            law, f"U(+-sqrt(6 / fan_in) / {fast:g}) between sines of frequency {fast:g}", 1 / fast
        )
    ahead = max((_omega(site, one) for one in scene.links.out_of.get(node.index, ())), default=0.0)
    if ahead > FAST and not any(scene.graph.nodes[one].learnt for one in node.inputs):
        bound = tidy(1 / use.fans.fan_in)
        return Decision(Uniform(-bound, bound), "U(+-1 / fan_in) before the first sine")
    return None


def _omega(site: Site, link: Link) -> float:
    """The frequency of the sine on a link; 0 where there is none."""
    nodes = [site.scene.graph.nodes[one] for one in link.between]
    if not any(node.op == "sin" for node in nodes):
        return 0.0
    phi = site.scene.activation(link)
    if phi is None or abs(float(phi(0.0))) > 1e-9:
        return 0.0
    return tidy(round(abs(float(phi(1e-6) - phi(-1e-6))) / 2e-6, 6)) if math.isfinite(phi(1e-6)) else 0.0
