"""muP, CompleteP and the spectral condition: starts and learning rates that carry over to any width.

With m_in and m_out the factors by which a weight's fans exceed those of the base network (Yang et al.
2022, arXiv 2203.03466, table 3):

    Adam   rate / m_in             hidden and output weights; inputs, biases and norms as they are
    SGD    rate * m_out / m_in     (hidden 1, input m_out, output 1 / m_in)

and the output starts with variance 1 / (fan_in m_in).  CompleteP also divides the end of every residual
branch, and Adam's rate for it, by L / L_base (Dey et al. 2025, arXiv 2505.01618): the same as a factor on
the branch, without changing the model.

Adam's epsilon belongs to the size of gradients, which shrinks as 1 / m_out, and inside residual branches
with CompleteP as L_base / L besides.  That is the paper's table (epsilon / m_N outside of the blocks,
epsilon / (m_N m_L) inside) where the factors that it puts on the output and on the branch lie in the
weights: the head's and the branch end's gradients are then larger by just these factors.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from isogain.core.geometry.fans import fans
from isogain.core.initializers import Normal, PowerScaling, SpectralScaling, VarianceScaling
from isogain.errors import LayoutError
from isogain.graph.entry import PlanError, tidy
from isogain.graph.nodes import Node
from isogain.graph.paths import family
from isogain.graph.recipes.options import Rates, options_of, prescribes, says
from isogain.graph.recipes.parts import ends_branch, streams_of
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import behind
from isogain.graph.scene import Scene, Site
from isogain.theory.deep_start import LOGITS

__all__ = ["multipliers"]

RECIPES = ("mup", "completep", "spectral")
options_of("mup", "base")
options_of("spectral", "base")
options_of("completep", "base", "base_depth")


def multipliers(site: Site) -> tuple[float, float]:
    """(m_in, m_out): how many times the base network's fan_in and fan_out this parameter has."""
    base = site.scene.options.get("base", 1)
    if isinstance(base, Mapping):
        return _against_shapes(site, base)
    factor = _width(site.scene) / _checked(base)
    node = site.node
    if node is None and _cell(site) is not None:
        return (factor if _reads_hidden(site) else 1.0), factor
    if node is None:
        return 1.0, 1.0 if _of_head(site) else factor
    grows_in = node.kind != "embedding" and node.role != "first weight" and not _reads_input(site.scene, node)
    return (factor if grows_in else 1.0), (1.0 if node.role == "head" else factor)


def _checked(base: object) -> float:
    if isinstance(base, bool) or not isinstance(base, int | float) or not base > 0:
        raise PlanError(
            f"base must be the width at which the learning rate was tuned, or a model of it, got {base!r}"
        )
    return float(base)


def _against_shapes(site: Site, base: Mapping[str, tuple[int, ...]]) -> tuple[float, float]:
    name = site.parameter.model_name
    shape, other = site.parameter.shape, _counterpart(name, base)
    if len(other) != len(shape):
        raise PlanError(f"{name} has shape {shape}, in the base model {other}")
    use = site.use
    if use is not None and site.parameter.whole:
        grown = [(word, size / small) for word, size, small in zip(use.own, shape, other, strict=True)]
        return tuple(math.prod(by for word, by in grown if word == one) for one in ("in", "out"))  # type: ignore[return-value]
    if use is None and _cell(site) is not None:
        return shape[-1] / other[-1], shape[0] / other[0]
    if use is None or site.node is None or site.node.kind == "embedding" or use.fans is None:
        return 1.0, shape[-1] / other[-1] if shape else 1.0
    flipped = use.shape != shape and use.shape == shape[::-1]
    stride = use.stride if len(use.stride) > 1 else use.stride[0]
    try:
        small = fans(
            other[::-1] if flipped else other, use.layout, groups=use.groups, stride=stride,
            transposed=use.transposed,
        )  # fmt: skip
    except LayoutError as error:
        raise PlanError(f"{site.name} in the base model: {error}") from error
    return use.fans.fan_in / small.fan_in, use.fans.fan_out / small.fan_out


def _cell(site: Site) -> Node | None:
    """The recurrent cell that a matrix (gates * units, inputs) belongs to."""
    cells = (node for node in site.nodes if node.kind == "recurrent")
    return next(cells, None) if len(site.parameter.shape) == 2 else None


def _reads_hidden(site: Site) -> bool:
    """Whether a cell's matrix reads its own state, a layer below, or anything learnt before the cell."""
    cell = _cell(site)
    first = "weight_ih" in site.last_name and site.last_name.removesuffix("_reverse")[-3:] in ("_l0", "_ih")
    return not first or (cell is not None and not _reads_input(site.scene, cell))


def _counterpart(name: str, base: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The same parameter of the base model, or of one of its layers where it has fewer."""
    if name in base:
        return base[name]
    kind = family(name)
    alike = next((shape for path, shape in base.items() if family(path) == kind), None)
    if alike is None:
        raise PlanError(f"{name} has no counterpart in the base model: build both in the same way")
    return alike


def _width(scene: Scene) -> int:
    """The size of the residual streams, or the commonest fan_in of weights that read other weights."""
    streams = streams_of(scene)
    if streams:
        node = scene.graph.nodes[streams[0].blocks[0].sum]
        return node.shape[node.channel_axis]
    sizes = Counter(
        node.shape[node.channel_axis]
        for node in scene.graph.nodes
        if node.kind in ("weight", "recurrent") and node.role != "head" and node.shape
    )
    return sizes.most_common(1)[0][0] if sizes else 1


def _reads_input(scene: Scene, node: Node) -> bool:
    """Whether nothing that is learnt lies before it."""
    return not any(scene.graph.nodes[one].learnt for one in node.inputs)


def _of_head(site: Site) -> bool:
    return any(
        node.role == "head" and node.weight is not None and node.weight.bias == site.name
        for node in site.nodes
    )


def _is_tied(site: Site) -> bool:
    kinds = {node.kind for node in site.nodes}
    return {"embedding", "weight"} <= kinds


def _epsilon(site: Site, m_out: float) -> tuple[str, float]:
    return "eps", tidy(_inner_depth_factor(site) / m_out)


def _inner_depth_factor(site: Site) -> float:
    """L_base / L for what lies inside a branch, before the weight that ends it; 1 elsewhere."""
    if _depth_factor(site) is not None:
        return 1.0
    behind_norm = (
        [] if site.node is not None else [one for node in site.nodes for one in _readers(site, node)]
    )
    for node in (*site.nodes, *behind_norm):
        place = site.scene.blocks.of_weight.get(node.index)
        if place is not None and place[0] in streams_of(site.scene):
            return _base_depth(site) / place[0].length
    return 1.0


def _readers(site: Site, node: Node) -> list[Node]:
    """What reads a result, through operations that only hand it on."""
    graph, found, waiting = site.scene.graph, [], [node.index]
    while waiting:
        for one in graph.consumers[waiting.pop()]:
            if graph.nodes[one].kind in ("shape", "dropout"):
                waiting.append(one)
            else:
                found.append(graph.nodes[one])
    return found


def _register(recipe: str) -> None:
    @rule(order=10, recipe=recipe)
    def output(site: Site) -> Decision | None:
        """The head: variance 1 / (fan_in m_in), so that logits shrink as the width grows."""
        node, use = site.node, site.use
        if node is None or use is None or use.fans is None or node.role != "head" or _is_tied(site):
            return None
        standard = use.fans.fan_in / multipliers(site)[0]
        std = LOGITS * math.sqrt(standard)
        return Decision(
            PowerScaling(tidy(std), -1.0), f"{recipe}: output, Var[w] = {LOGITS**2:g} / (fan_in m_in)"
        )

    @rule(order=11, recipe=recipe)
    def embedding(site: Site) -> Decision | None:
        """A table: components of one size at every width."""
        tables = any(node.kind == "embedding" for node in site.nodes)
        if not tables or _is_tied(site):
            return None
        return Decision(
            Normal(1.0), f"{recipe}: input, components of size 1 at every width", layout="lookup out"
        )


for _recipe in RECIPES:
    _register(_recipe)


@rule(order=12, recipe="spectral")
def spectral(site: Site) -> Decision | None:
    """Every weight of a spectral norm of the order sqrt(fan_out / fan_in)."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None or node.kind not in ("weight", "recurrent"):
        return None
    gain, what = behind(site.scene, node)
    return Decision(SpectralScaling(tidy(gain)), f"spectral: norm of order sqrt(out / in), {what}")


@rule(order=12, recipe="completep")
def branch_end(site: Site) -> Decision | None:
    """The last weight of a branch, divided by L / L_base."""
    node, use = site.node, site.use
    factor = _depth_factor(site)
    if factor is None or node is None or use is None or use.fans is None:
        return None
    gain, what = behind(site.scene, node)
    scale = gain * factor
    return Decision(
        VarianceScaling(tidy(scale**2)), f"completep: {what}, x {factor:.4g} at the end of a branch", scale
    )


def _depth_factor(site: Site) -> float | None:
    """L_base / L for the weight at the end of a branch, and for its bias; None elsewhere."""
    nodes = [one for one in site.nodes if one.weight is not None and one.weight.bias == site.name]
    node = site.node or (nodes[0] if nodes else None)
    place = site.scene.blocks.of_weight.get(node.index) if node is not None else None
    if place is None or node is None or place[0] not in streams_of(site.scene):
        return None
    if not ends_branch(site.scene, node.index, place[2]):
        return None
    return _base_depth(site) / place[0].length


def _base_depth(site: Site) -> int:
    base = site.scene.options.get("base_depth", 1)
    if isinstance(base, bool) or not isinstance(base, int) or base < 1:
        raise PlanError(
            f"base_depth is the number of residual blocks at which the rate was tuned, got {base!r}"
        )
    return base


@prescribes("mup", "spectral")
def rates(site: Site, decision: Decision) -> Rates:
    """Adam / m_in, SGD m_out / m_in, epsilon / m_out."""
    m_in, m_out = multipliers(site)
    return ("adam", tidy(1 / m_in)), ("sgd", tidy(m_out / m_in)), ("eps", tidy(1 / m_out))


@prescribes("completep")
def rates_in_depth(site: Site, decision: Decision) -> Rates:
    """muP's, and the square of the branch's factor for SGD, the factor itself for Adam."""
    m_in, m_out = multipliers(site)
    factor = _depth_factor(site) or 1.0
    return ("adam", tidy(factor / m_in)), ("sgd", tidy(factor**2 * m_out / m_in)), _epsilon(site, m_out)


@says(*RECIPES)
def _notes(scene: Scene) -> list[str]:
    base = scene.options.get("base", 1)
    found = []
    if base == 1:
        found.append(
            "base=1: rates are the table's own, lr / fan_in for hidden weights; base=<the width at which lr "
            "was tuned, or a model of it> carries that rate over"
        )
    if not isinstance(base, Mapping):
        found.append(f"the width is {_width(scene)}, {_width(scene) / _checked(base):g} times the base's")
    tied = any(node.kind == "weight" and node.role == "tied head" for node in scene.graph.nodes)
    if tied:
        found.append(
            "the head is tied to the embedding: its logits need a factor base / width in the model itself"
        )
    return found
