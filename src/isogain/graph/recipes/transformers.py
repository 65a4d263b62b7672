"""Published starts of transformers: each gives a Part the row of the catalog that is meant for it."""

from __future__ import annotations

from collections.abc import Callable

from isogain.core.initializers import Initializer, Zeros
from isogain.core.names.catalog import get
from isogain.core.names.literature.transformers import deepnorm_constants
from isogain.graph.recipes.options import says
from isogain.graph.recipes.parts import Part, layer_count, part_of, side_of, streams_of
from isogain.graph.rules.registry import Decision, rule
from isogain.graph.scene import Scene, Site

__all__ = ["TRANSFORMERS"]

Chooser = Callable[[Part, Scene], Initializer]


def _like_gpt2(name: str) -> Chooser:
    def choose(part: Part, scene: Scene) -> Initializer:
        if part.kind == "branch_end":
            return get(name, role="branch_end", layers=part.layers)
        return get(name, role="position" if part.kind == "position" else "weight")

    return choose


def _everywhere(name: str) -> Chooser:
    return lambda part, scene: get(name)


def _t5(part: Part, scene: Scene) -> Initializer:
    if part.kind == "embedding":
        return get("t5", role="embedding")
    if part.kind == "position":
        return get("t5", role="position", width=max(part.width, 1))
    if part.attention == {"query"}:
        return get("t5", role="query", head_size=max(part.head_size, 1))
    return get("t5")


def _olmo(part: Part, scene: Scene) -> Initializer:
    if part.kind == "branch_end":
        return get("olmo_mitchell", role="branch_end", layer=part.layer)
    if part.kind in ("embedding", "position", "class_token"):
        return get("olmo_mitchell", role="embedding", width=max(part.width, 1))
    return get("olmo_mitchell")


def _neox(part: Part, scene: Scene) -> Initializer:
    width = max(part.width, 1)
    if part.kind == "branch_end":
        return get("gpt_neox", role="branch_end", layers=part.layers, width=width)
    return get("gpt_neox", width=width)


def _vit(part: Part, scene: Scene) -> Initializer:
    role = part.kind if part.kind in ("position", "class_token", "head") else "weight"
    return get("vit", role=role)


def _t_fixup(part: Part, scene: Scene) -> Initializer:
    if part.kind in ("embedding", "position", "class_token"):
        return get("t_fixup", role="embedding", layers=_depth(scene), width=max(part.width, 1))
    return get("t_fixup", role="branch" if part.values else "weight", layers=part.layers, side=part.side)


def _depth(scene: Scene) -> int:
    return max((layer_count(scene, stream) for stream in streams_of(scene)), default=1)


def _deepnorm(part: Part, scene: Scene) -> Initializer:
    if part.kind in ("embedding", "position", "class_token"):
        return get("normal", std=max(part.width, 1) ** -0.5)
    counts = _stacks(scene) or {"encoders": 1}
    side = part.side if len(counts) == 2 else ""
    return get("deepnorm", role="branch" if part.values else "weight", side=side, **counts)


def _stacks(scene: Scene) -> dict[str, int]:
    """{"encoders": N, "decoders": M}; one of them where there is one stream."""
    streams = streams_of(scene)
    if len(streams) == 1:
        return {"encoders": layer_count(scene, streams[0])}
    return {f"{side_of(scene, stream)}s": layer_count(scene, stream) for stream in streams}


TRANSFORMERS: dict[str, Chooser] = {
    "gpt2": _like_gpt2("gpt2"),
    "megatron": _like_gpt2("megatron"),
    "bert": _everywhere("bert"),
    "t5": _t5,
    "olmo": _olmo,
    "neox": _neox,
    "deepseek": _everywhere("deepseek"),
    "vit": _vit,
    "t-fixup": _t_fixup,
    "deepnorm": _deepnorm,
}


def _register(recipe: str, choose: Chooser) -> None:
    @rule(order=10, recipe=recipe)
    def weights(site: Site) -> Decision | None:
        part = part_of(site)
        if part is None:
            return None
        layout = "lookup out" if any(node.kind == "embedding" for node in site.nodes) else None
        made = f" ({', '.join(sorted(part.attention))})" if part.attention else ""
        reason = f"{recipe}: {part.kind.replace('_', ' ')}{made}"
        return Decision(choose(part, site.scene), reason, layout=layout, role=part.kind.replace("_", " "))

    @rule(order=20, recipe=recipe)
    def bias(site: Site) -> Decision | None:
        if any(node.weight is not None and node.weight.bias == site.name for node in site.nodes):
            return Decision(Zeros(), f"{recipe}: biases start at 0", layout="*", role="bias")
        return None


for _recipe, _choose in TRANSFORMERS.items():
    _register(_recipe, _choose)


@says(*TRANSFORMERS)
def _without_stream(scene: Scene) -> list[str]:
    return [] if streams_of(scene) else ["no residual stream was found: no weight ends a branch"]


@says("deepnorm")
def _deepnorm_notes(scene: Scene) -> list[str]:
    counts = _stacks(scene)
    if not counts:
        return ["no residual stream was found: DeepNorm has nothing to scale"]
    factors = ", ".join(f"{side} {alpha:.4g}" for side, (alpha, _) in deepnorm_constants(**counts).items())
    return [f"the model itself has to multiply its skips by alpha before each norm: {factors}"]


@says("t-fixup")
def _t_fixup_notes(scene: Scene) -> list[str]:
    normed = any(node.kind == "norm" for node in scene.graph.nodes)
    return ["T-Fixup is made for transformers without layer norm, and this one has it"] if normed else []
