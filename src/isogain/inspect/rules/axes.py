"""constant-output at a layer along the wrong axis: it mixes the samples of a batch, and steps never meet."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import place, places
from isogain.inspect.findings import Finding
from isogain.inspect.looks import Company
from isogain.inspect.rules.softmaxes import shared_by_samples
from isogain.inspect.table import Table

__all__ = ["kept_company", "mixed_samples"]


def mixed_samples(table: Table) -> Iterator[Finding]:
    """Recurrences and attention over what the model gives one answer each for.

    The default of PyTorch's recurrent and transformer layers is (steps, samples, width); data that come as
    (samples, steps, width) run through them without an error.
    """
    if not _answered_one_by_one(table):
        return
    counts = _steps(table)
    found = [node for node in table.graph.nodes if _along(table, node, counts)]
    if not found:
        return
    names = places(found)
    steps, samples = found[0].shape[1 if found[0].kind == "recurrent" else 0], table.batch
    yield Finding(
        "constant-output", "warning", names[0],
        f"runs over {samples} samples, {steps} times",
        f"runs over {steps} steps, once for each sample",
        f"{names[0]} takes the first axis for steps, and it holds the samples, each of which gets one "
        "answer: samples are mixed, and steps of one sample never meet; give batch_first=True, or transpose",
        paths=names,
    )  # fmt: skip


def kept_company(table: Table) -> Iterator[Finding]:
    """Answers that differ with the samples beside, by an operation that runs along the axis of samples."""
    found = next(((one, one.seen) for one in table.looks if isinstance(one.seen, Company)), None)
    if found is None or any(mixed_samples(table)) or any(shared_by_samples(table)):
        return
    look, seen = found
    node = table.node(look.node or 0)
    sizes = " x ".join(map(str, node.shape))
    if node.kind == "shape":
        before = " x ".join(map(str, table.node(node.inputs[0]).shape))
        why = (
            f"{place(node)} takes {before} numbers for {sizes}: that moves no axis, and each sample gets "
            "numbers of others; use transpose or permute before it"
        )
    else:
        why = (
            f"{place(node)} runs along the axis of {sizes} that holds the {seen.samples} samples: what one "
            "sample gets depends on those beside it"
        )
    yield Finding(
        "constant-output", "warning", place(node),
        f"answers of the first half of the batch are {seen.apart:.2g} standard deviations off where it comes "
        "alone",
        "the same answers in any company, in evaluation mode", why, paths=(place(node),),
    )  # fmt: skip


def _answered_one_by_one(table: Table) -> bool:
    """Whether each output has one row for each entry of the inputs' first axis, and no axis of steps."""
    shapes = [table.node(one).shape for one in table.graph.outputs]
    return table.batch > 1 and bool(shapes) and all(
        shape[:1] == (table.batch,) and len(shape) <= 2 for shape in shapes
    )  # fmt: skip


def _steps(table: Table) -> set[int]:
    """Lengths of the inputs' second axes, where these are not as long as the first."""
    return {
        one.shape[1] for one in table.graph.nodes
        if one.kind == "input" and len(one.shape) in (2, 3) and one.shape[0] == table.batch
    } - {table.batch, 1}  # fmt: skip


def _along(table: Table, node: Node, steps: set[int]) -> bool:
    """Whether a layer runs along the samples of signals that have steps as well, in another number."""
    samples, shape = table.batch, node.shape
    if node.kind == "recurrent" and len(shape) == 3:
        along = node.steps == shape[0] == samples
        return along and (shape[1] in steps or _one_taken(table, node))
    if node.kind == "attention" and len(shape) == 4:
        return shape[2] == samples and shape[0] in steps
    return False


def _one_taken(table: Table, node: Node) -> bool:
    """Whether a recurrence goes on as its results at one of several that it took for samples."""
    readers = (table.node(one) for one in table.graph.consumers[node.index])
    taken = any(
        one.kind in ("shape", "pool") and one.shape == (node.shape[0], node.shape[2]) for one in readers
    )
    return taken and node.shape[1] not in (1, table.batch)
