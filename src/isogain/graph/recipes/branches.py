"""Residual networks whose branches start closed: Fixup, SkipInit, ReZero, LayerScale, zero gamma."""

from __future__ import annotations

from isogain.core.initializers import VarianceScaling, Zeros
from isogain.core.names.catalog import get
from isogain.graph.blocks import Block
from isogain.graph.entry import tidy
from isogain.graph.recipes.options import says
from isogain.graph.recipes.parts import leads_to_sum, scalar_of_branch, streams_of
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.rules.shared import behind
from isogain.graph.scene import Scene, Site

__all__: list[str] = []


@rule(order=10, recipe="fixup")
def fixup(site: Site) -> Decision | None:
    """He's law times L^(-1/(2m-2)) inside branches, 0 at their ends and in the head."""
    node, use = site.node, site.use
    if node is None or use is None or use.fans is None or node.kind != "weight":
        return None
    if node.role == "head":
        return Decision(get("fixup", blocks=1, role="head"), "fixup: the head starts at 0", 0.0)
    place = site.scene.blocks.of_weight.get(node.index)
    if place is None:
        return Decision(get("he_normal"), "fixup: outside the branches, He's law")
    stream, _, branch = place
    if branch[-1] == node.index:
        end = get("fixup", blocks=stream.length, role="branch_end")
        return Decision(end, "fixup: the last of a branch starts at 0", 0.0)
    law = get("fixup", blocks=stream.length, branch_layers=len(branch))
    return Decision(law, f"fixup: one of {len(branch)} in a branch, {stream.length} blocks")


@rule(order=20, recipe="fixup")
def fixup_scalar(site: Site) -> Decision | None:
    """Multipliers start at 1, biases at 0."""
    if scalar_of_branch(site) is not None and _is_scalar(site):
        return Decision(get("ones"), "fixup: multipliers start at 1", layout="*", role="branch scale")
    if site.parameter.used and _is_scalar(site) and any(node.kind == "add" for node in site.nodes):
        return Decision(Zeros(), "fixup: scalar biases start at 0", layout="*", role="bias")
    return None


def _is_scalar(site: Site) -> bool:
    return all(size == 1 for size in site.parameter.shape)


def _closing(recipe: str, row: str) -> None:
    @rule(order=10, recipe=recipe)
    def scale(site: Site) -> Decision | None:
        block = scalar_of_branch(site)
        if block is None or site.use is not None:
            return None
        given = {"blocks": _blocks(site.scene, block)} if row == "layerscale" else {}
        law = get(row, **given)
        return Decision(law, f"{recipe}: the factor on a branch", layout="*", role="branch scale")

    @rule(order=20, recipe=recipe)
    def weight(site: Site) -> Decision | None:
        """Behind a closed factor the branch itself need not be small."""
        node, use = site.node, site.use
        place = site.scene.blocks.of_weight.get(node.index) if node is not None else None
        if place is None or node is None or use is None or use.fans is None:
            return None
        if place[1].sum not in _scaled_sums(site.scene):
            return None
        gain, what = behind(site.scene, node)
        return Decision(VarianceScaling(tidy(gain**2)), f"{recipe}: {what}; its branch is closed", gain)


def _scaled_sums(scene: Scene) -> frozenset[int]:
    """The sums of blocks with a factor on a branch, found once for a scene."""
    known: frozenset[int] | None = vars(scene).get("_scaled_sums")
    if known is None:
        graph = scene.graph
        sites = (Site(scene, use, tuple(graph.nodes[one] for one in use.nodes)) for use in graph.parameters)
        blocks = (scalar_of_branch(site) for site in sites)
        known = vars(scene)["_scaled_sums"] = frozenset(block.sum for block in blocks if block is not None)
    return known


def _blocks(scene: Scene, block: Block) -> int:
    lengths = [stream.length for stream in scene.blocks.streams if block in stream.blocks]
    return max(lengths, default=1)


for _recipe, _row in (("skipinit", "skipinit"), ("rezero", "rezero"), ("layerscale", "layerscale")):
    _closing(_recipe, _row)


@says("skipinit", "rezero", "layerscale")
def _without_scales(scene: Scene) -> list[str]:
    found = _scaled_sums(scene)
    bare = sum(block.sum not in found for block in scene.blocks.all)
    if not bare:
        return []
    return [f"{bare} of {len(scene.blocks.all)} residual sums have no parameter that multiplies their branch"]


@rule(order=10, recipe="zero-gamma")
def zero_gamma(site: Site) -> Decision | None:
    """The scale of the last norm of a branch that ends in one."""
    if "bias" in site.last_name or not any(
        leads_to_sum(site.scene, node.index, ("shape", "dropout"), 4) for node in site.nodes
    ):
        return None
    if not all(node.kind == "norm" for node in site.nodes):
        return None
    return Decision(
        get("zero_gamma"), "zero-gamma: the norm that ends a branch", layout="*", role="norm at branch end"
    )


@says("fixup")
def _fixup_notes(scene: Scene) -> list[str]:
    streams = streams_of(scene)
    if not streams:
        return ["no residual block was found: Fixup has nothing to scale"]
    if any(stream.normalised for stream in streams):
        return ["Fixup is made for networks without normalization, and this one has it"]
    return []
