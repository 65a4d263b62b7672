"""loss-floor of answers in a column, held against targets in a row: each against those of all samples."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.graph import Node
from isogain.inspect.causes import place
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Fix
from isogain.inspect.table import Table

__all__ = ["crossed_targets"]

DIFFERENCES = frozenset(["sub", "__sub__", "__rsub__", "sub_", "rsub", "subtract"])
SHAPES = ("(-1)", "(-1,1)")
"""Of targets in a row and answers in a column, as `reshape` takes them."""


def crossed_targets(table: Table) -> Iterator[Finding]:
    """A loss of answers (N, 1) and targets (N,): broadcast, they give N times N differences."""
    called = (table.node(use.node) for use in table.losses if use.crossed and use.node is not None)
    for node in (*called, *(node for node in table.graph.nodes if _grows_square(table, node))):
        yield _finding(node, next(table.node(one) for one in node.inputs if table.node(one).learnt))
        return


def _grows_square(table: Table, node: Node) -> bool:
    """Whether a difference in the caller's loss is as wide as the batch, and what the model gave is not."""
    if not table.in_loss(node) or node.op not in DIFFERENCES or len(node.inputs) != 1:
        return False
    answers = table.node(node.inputs[0])
    samples = answers.shape[0] if answers.shape else 0
    # a loss that turns answers into a column itself means all pairs
    flat = answers.shape in ((samples,), (samples, 1)) and not table.in_loss(answers)
    return answers.learnt and samples > 1 and flat and node.shape == (samples, samples)


def _finding(node: Node, answers: Node) -> Finding:
    samples, turn = answers.shape[0], 1 if len(answers.shape) == 2 else -1
    own, wanted = (f"({samples}, 1)", f"({samples},)")[::turn]
    return Finding(
        "loss-floor", "critical", place(answers),
        f"answers of shape {own} held against targets of shape {wanted} give {samples} x {samples} "
        "differences",
        f"{samples} differences, one a sample",
        f"{node.op} broadcasts: each answer is held against the targets of all samples, and the best that "
        "can be learnt is one answer for all, the targets' mean; targets of the answers' shape end it",
        paths=(place(answers),), mends=(Fix((Change("align", text=" ".join(SHAPES[::turn])),)),),
    )  # fmt: skip
