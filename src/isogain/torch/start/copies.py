"""Parameters that are copies of others at the start, as target networks are: they stay copies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from isogain.graph import Graph
from isogain.graph.entry import Entry
from isogain.graph.scene import Scene
from isogain.torch.draw.targets import Target
from isogain.torch.measure.sampling import is_constant, spread

__all__ = ["kept_alike"]

Tensor = torch.Tensor


def kept_alike(entries: list[Entry], found: Mapping[str, Target], scene: Scene) -> list[Entry]:
    """The entries, with copies drawn as what they are copies of; where one of them cannot be, none is.

    Equal values at two places are a copy if no signal passes both, as it does in layers that were cloned, and
    what they make never meets, as that of cloned experts does.
    """
    by_path = {entry.path: entry for entry in entries}
    for group in _groups(entries, found):
        if not any(_meet(scene, *pair) for pair in itertools.combinations(group, 2)):
            by_path.update(_alike([by_path[one] for one in group], scene))
    return list(by_path.values())


def _groups(entries: list[Entry], found: Mapping[str, Target]) -> Iterator[list[str]]:
    """Paths of parameters that hold the same numbers, not all of them one."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for entry in entries:
        tensor = found[entry.path].like
        if tensor.dim() > 0 and tensor.numel() > 1 and not tensor.is_meta:
            sample = spread(tensor, 16).tolist()
            alike.setdefault((entry.shape, *sample), []).append(entry.path)
    for paths in alike.values():
        first = found[paths[0]].like
        if len(paths) > 1 and not is_constant(first):
            yield [one for one in paths if torch.equal(found[one].like, first)]


def _meet(scene: Scene, path: str, other: str) -> bool:
    """Whether a signal that passed one parameter meets, before any loss, what passed the other."""
    one, two = (_reached(scene.graph, path), _reached(scene.graph, other))
    return not one.isdisjoint(two)


def _reached(graph: Graph, path: str) -> frozenset[int]:
    use = graph.by_parameter.get(path)
    seen: set[int] = set(use.nodes if use else ())
    stack = list(seen)
    while stack:
        for reader in graph.consumers[stack.pop()]:
            if reader not in seen and graph.nodes[reader].kind != "loss":
                seen.add(reader)
                stack.append(reader)
    return frozenset(seen)


def _alike(group: list[Entry], scene: Scene) -> dict[str, Entry]:
    """What becomes of the copies of one parameter: path -> entry."""
    leader = next((entry for entry in group if not entry.kept), None)
    if leader is None:
        return {}
    fixed = next((entry.path for entry in group if entry.path in scene.fixed), None)
    if fixed is not None:
        reason = f"a copy of {fixed}, which is not to be written: it keeps what it has"
        return {
            entry.path: replace(entry, initializer=None, reason=reason) for entry in group if not entry.kept
        }
    return {entry.path: _copy(entry, leader) for entry in group if entry is not leader}


def _copy(entry: Entry, leader: Entry) -> Entry:
    return replace(
        leader, path=entry.path, aliases=entry.aliases, originals=entry.originals, drawn_as=leader.path,
        reason=f"a copy of {leader.path}: it gets the same values",
    )  # fmt: skip
