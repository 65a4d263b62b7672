"""Tensors of other devices filled from the host, through two pinned buffers in turn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any, Final

import torch
from numpy.typing import NDArray

from isogain.drawing.regions import Region

__all__ = ["as_array", "through_host"]

_ELEMENTS: Final = 1 << 21
"""Of one buffer: 8 MB of float32, half a millisecond of the bus."""


def through_host(part: torch.Tensor, region: Region, writer_of: Callable[[Region], Any]) -> None:
    """Fill the tensor piece by piece; while one piece is drawn, the piece before it is on its way."""
    turns = cycle([_Buffer(part, min(region.size, _ELEMENTS)) for _ in range(1 + (region.size > _ELEMENTS))])
    for piece, buffer in zip(region.pieces(_ELEMENTS), turns, strict=False):
        host = buffer.free(piece)
        writer_of(piece)(as_array(host))
        buffer.send(host, part[piece.relative_to(region)])


def as_array(tensor: torch.Tensor) -> NDArray[Any]:
    """The tensor's own memory as a NumPy array; bfloat16 as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


class _Buffer:
    """Host memory from which a copy may still be under way."""

    def __init__(self, like: torch.Tensor, elements: int) -> None:
        self.queue = _queue(like.device)
        self.sent = None if self.queue is None else self.queue.Event()
        self.memory = torch.empty(elements, dtype=like.dtype, pin_memory=self.sent is not None)

    def free(self, piece: Region) -> torch.Tensor:
        """The memory for a piece, once the last copy from it has ended (or there was none)."""
        if self.sent is not None:
            self.sent.synchronize()
        return self.memory[: piece.size].view(piece.shape)

    def send(self, host: torch.Tensor, target: torch.Tensor) -> None:
        """Start the copy; where there is no event to wait for, wait here."""
        target.copy_(host, non_blocking=self.sent is not None)
        if self.queue is not None and self.sent is not None:
            self.sent.record(self.queue.current_stream(target.device))


def _queue(device: torch.device) -> Any:
    """torch's module of a device that has streams and events, or None."""
    module = None if device.type == "cpu" else getattr(torch, device.type, None)
    return module if hasattr(module, "Event") and hasattr(module, "current_stream") else None
