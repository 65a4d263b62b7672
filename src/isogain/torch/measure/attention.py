"""Attention's logits and weights, from a few queries of a few samples: written out or fused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from isogain.inspect.looks import Attention

__all__ = ["of_fused", "of_softmax"]

Tensor = torch.Tensor
SAMPLES, HEADS, QUERIES, KEYS = 4, 16, 8, 2048
LOWEST = -1e9
FORBIDDEN = 5e3
"""How far below the largest logit of its row, and half of it below 0, one lies that a mask put there."""
STEP = 40.0
"""The least that a mask of a plain number takes off (Swin: 100), twice what attention's logits reach."""


def of_softmax(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Attention | None:
    """Of softmax(logits, dim): queries before the last axis, heads before those; of two axes, samples."""
    logits: Any = args[0] if args else kwargs.get("input")
    dim = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", -1))
    if not _readable(logits) or not isinstance(dim, int) or logits.dim() < 2:
        return None
    logits = logits.detach().movedim(dim, -1)
    return _attention(_few(logits if logits.dim() > 2 else _rows(logits)))


def _rows(logits: Tensor) -> Tensor:
    """Rows of samples (a few of each part of the batch) as queries of fewer samples."""
    samples = min(SAMPLES, logits.shape[0])
    each = min(logits.shape[0] // max(samples, 1), QUERIES)
    return logits[: samples * each].reshape(samples, each, -1)


def of_fused(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Attention | None:
    """Of scaled_dot_product_attention(query, key, value, mask, dropout, causal, scale, enable_gqa)."""
    query: Any
    key: Any
    query, key = (args[k] if len(args) > k else kwargs.get(n) for k, n in enumerate(("query", "key")))
    mask = args[3] if len(args) > 3 else kwargs.get("attn_mask")
    causal = args[5] if len(args) > 5 else kwargs.get("is_causal", False)
    if not _readable(query) or not _readable(key) or query.dim() < 3:
        return None
    scale = kwargs.get("scale") or 1 / math.sqrt(query.shape[-1])
    if key.dim() > 3 and key.shape[-3] != query.shape[-3]:  # grouped queries share keys
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    queries, keys = _grid(query.detach()), _lead(key.detach())
    logits = scale * (queries.float() @ keys.float().transpose(-1, -2))
    places = _steps(query.shape[-2], QUERIES)
    if causal:
        ends = torch.arange(query.shape[-2], device=query.device)[places] + 1
        logits = logits.masked_fill(
            torch.arange(key.shape[-2], device=query.device) >= ends[:, None], -math.inf
        )
    elif isinstance(mask, Tensor) and not mask.is_meta:
        logits = _masked(logits, _grid(mask.detach().expand(*query.shape[:-1], key.shape[-2])))
    return _attention(logits)


def _masked(logits: Tensor, mask: Tensor) -> Tensor:
    """With a mask of what is allowed, or of what is added; a row that may see nothing stays a row."""
    if mask.dtype == torch.bool:
        return logits.masked_fill(~mask, -math.inf)
    return logits + mask.float().clamp_min(LOWEST)


def _readable(tensor: Any) -> bool:
    plain = isinstance(tensor, Tensor) and tensor.is_floating_point() and not tensor.is_meta
    return plain and tensor.layout == torch.strided and tensor.numel() > 0


def _steps(size: int, most: int) -> slice:
    """At most `most` places, the last one among them: under a causal mask it sees all keys."""
    step = -(-size // most)
    return slice((size - 1) % step, None, step)


def _lead(tensor: Tensor) -> Tensor:
    """(samples, heads, rows, columns) of at most SAMPLES samples and HEADS heads."""
    while tensor.dim() < 4:
        tensor = tensor.unsqueeze(-3)
    tensor = tensor.flatten(1, -3) if tensor.dim() > 4 else tensor
    return tensor[:SAMPLES, _steps(tensor.shape[1], HEADS)]


def _grid(tensor: Tensor) -> Tensor:
    return _lead(tensor)[..., _steps(tensor.shape[-2], QUERIES), :]


def _few(logits: Tensor) -> Tensor:
    return _grid(logits)[..., :KEYS]


def _attention(logits: Tensor) -> Attention | None:
    """Numbers of (samples, heads, queries, keys)."""
    logits = logits.float()
    top = logits.amax(-1, keepdim=True)
    # samples of which a query may see nothing: it has no shares
    seeing = (top > -math.inf).flatten(1).all(1)
    logits, top = logits[seeing], top[seeing]
    if len(logits) == 0 or not bool(torch.isfinite(top).all()):
        return None
    allowed = _allowed(logits, top)
    hidden = _hidden(allowed, seeing)
    count = allowed.sum(-1)
    keys = int(count.float().quantile(0.5)) if count.numel() else 0
    if keys < 2:
        return Attention(max(keys, 1), (), (), (), (), logits.shape[-1], hidden)
    weights = torch.where(allowed, logits - top, -math.inf).softmax(-1)
    entropy = torch.special.entr(weights).sum(-1)
    rows = (count > 1).float()
    centred = torch.where(allowed, logits, 0.0)
    centred = torch.where(allowed, centred - (centred.sum(-1) / count)[..., None], 0.0)
    variance = centred.square().sum(-1) / count

    def by_head(values: Tensor) -> Tensor:
        return (values * rows).sum((0, 2)) / rows.sum((0, 2))

    return Attention(
        keys, _numbers(by_head(variance).sqrt()), _content(centred, allowed, by_head),
        _numbers(by_head(entropy / count.float().log().clamp_min(1e-6))),
        _numbers(by_head(weights.amax(-1))), logits.shape[-1], hidden,
    )  # fmt: skip


def _hidden(allowed: Tensor, seeing: Tensor) -> tuple[tuple[bool, ...], ...]:
    """Keys that no query of a sample may see; nothing for samples that may see all, or nothing."""
    if bool(allowed.all()):
        return ()
    unseen = iter((~allowed).all(2).all(1).tolist())
    found = [tuple(next(unseen)) if some else () for some in seeing.tolist()]
    return tuple(one if any(one) else () for one in found)


def _allowed(logits: Tensor, top: Tensor) -> Tensor:
    """Which logits no mask put down: by thousands, or all by one step far below the others (-100)."""
    allowed = logits > (top - FORBIDDEN).clamp_max(-FORBIDDEN / 2)  # logits that loud are no mask
    if logits.shape[-1] < 2 or not bool(allowed.all()):
        return allowed
    order = logits.sort(-1, descending=True).values
    step, place = (order[..., :-1] - order[..., 1:]).max(-1, keepdim=True)
    above, below = order.gather(-1, place), order.gather(-1, place + 1)
    apart = torch.maximum(top - above, below - order[..., -1:]) < step / 3
    put_down = (step > STEP) & apart & (below < -step / 2)
    return ~put_down | (logits >= above)


def _content(centred: Tensor, allowed: Tensor, by_head: Any) -> tuple[float, ...]:
    """Standard deviation between samples at the same query and key."""
    if centred.shape[0] < 2:
        return (math.nan,) * centred.shape[1]
    between = (centred.var(0) * allowed.all(0)).sum(-1) / allowed.all(0).sum(-1).clamp_min(1)
    return _numbers(by_head(between.expand(centred.shape[0], *between.shape)).sqrt())


def _numbers(values: Tensor) -> tuple[float, ...]:
    return tuple(values.cpu().tolist())
