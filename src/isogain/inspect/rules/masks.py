"""attention-collapse by a mask the wrong way round: what fills samples up is all that is seen of them."""

from __future__ import annotations

from collections.abc import Iterator

from isogain.inspect.causes import pattern, places
from isogain.inspect.findings import Finding
from isogain.inspect.looks import Attention
from isogain.inspect.table import Table

__all__ = ["inverted_masks"]


def inverted_masks(table: Table) -> Iterator[Finding]:
    """Attention whose mask hides every token of a sample, and leaves the padding behind them."""
    wrong = [one for one in table.looks if isinstance(one.seen, Attention) and one.seen.inverted]
    nodes = [table.node(one.node) for one in wrong if one.node is not None]
    if not nodes:
        return
    seen = next(one.seen for one in wrong if isinstance(one.seen, Attention))
    flags = next(filter(None, seen.hidden))
    yield Finding(
        "attention-collapse", "critical", pattern(list(places(nodes))),
        f"the first padded sample may see {len(flags) - sum(flags)} of {len(flags)} places: those at its end "
        "that one value fills",
        "the places in front of them",
        "the mask is the wrong way round: it hides what the samples are and leaves their padding, and a "
        "sample without padding may see nothing; torch.nn.MultiheadAttention takes True for what is hidden, "
        "scaled_dot_product_attention for what is seen, and models of transformers 1 for what is seen",
        paths=places(nodes),
    )  # fmt: skip
