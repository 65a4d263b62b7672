"""Why a model should not keep its own start, whatever that is: what its structure alone asks for."""

from __future__ import annotations

from isogain.graph.scene import Scene

__all__ = ["needs"]


def needs(scene: Scene) -> tuple[str, ...]:
    """One sentence for each reason; empty where the model's own start may be kept if it is healthy."""
    found = []
    plain = [chain for chain in scene.chains.all if not chain.normalised]
    if plain:
        depth = max(chain.depth for chain in plain)
        found.append(f"{depth} weights in a row with nothing but activations between them")
    return tuple(found)
