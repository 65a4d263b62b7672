"""Draws written into PyTorch tensors, in place: the same bits as `ig.draw`, wherever the tensor lives."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray

from isogain.checking import shown
from isogain.core.geometry.layout import LayoutLike, implied
from isogain.core.names.typed import InitializerName
from isogain.core.values.distributions import Law
from isogain.core.values.initializer import Initializer
from isogain.drawing.engine import is_one_piece, thread_count
from isogain.drawing.key import Key
from isogain.drawing.laws import writer
from isogain.drawing.public import law_of
from isogain.drawing.regions import Region
from isogain.errors import DrawError
from isogain.torch.device.choice import drawer
from isogain.torch.device.host import as_array, through_host
from isogain.torch.draw.codes import codes_of
from isogain.torch.draw.shards import Boxes, is_dtensor, local_boxes, local_part

__all__ = ["LAYOUT", "Draw", "fill_", "is_computed", "named", "prepare", "require_tensor"]

Write = Callable[[torch.Tensor], None]

LAYOUT = implied("out in *")
"""How torch's own layers hold their weights."""

_HUGE_PAGE = 1 << 21
_MADV_HUGEPAGE = 14


def fill_(
    tensor: torch.Tensor,
    init: InitializerName | str | Initializer | Law,
    *,
    seed: int,
    path: str = "",
    layout: LayoutLike = None,
    groups: int = 1,
    stride: int | Sequence[int] = 1,
    transposed: bool = False,
    threads: int | None = None,
) -> torch.Tensor:
    """Return the tensor, filled in place with `ig.draw` of its shape; the same bits.

    `layout` is "out in *" unless one is given, which then holds for the rows of frameworks too.
    Contiguous or not, float64, float32, float16, bfloat16 or complex; on the CPU without a copy, on a
    GPU by a kernel of its own where there is Triton, on other devices through pinned buffers.  Of a
    DTensor each process draws only what it holds.

    DrawError for a meta tensor (see `materialize_`), an expanded one, one that is computed from others (a
    weight under weight_norm: writing it changes nothing), or a dtype without a draw; the tensor is then
    untouched.  A tensor without elements is left as it is.

    >>> fill_(torch.empty(512, 784), "he_normal", seed=0, path="fc1.weight").shape
    torch.Size([512, 784])
    """
    require_tensor(tensor)
    if tensor.is_meta:
        raise DrawError(f"{named(path)} is on the meta device and has no memory; use materialize_")
    if is_computed(tensor):
        raise DrawError(f"{named(path)} {COMPUTED}")
    layout = LAYOUT if layout is None else layout
    geometry: dict[str, Any] = {
        "layout": layout,
        "groups": groups,
        "stride": stride,
        "transposed": transposed,
    }
    prepare(tensor, init, seed=seed, path=path, threads=threads, **geometry)(tensor)
    return tensor


def require_tensor(tensor: object) -> None:
    """Refuse what is no torch tensor."""
    if not isinstance(tensor, torch.Tensor):
        raise DrawError(
            f"a torch.Tensor or Parameter is filled in place, got {shown(tensor)}; ig.draw makes NumPy arrays"
        )


def named(path: object) -> str:
    """What an error calls the tensor."""
    return path if isinstance(path, str) and path else "the tensor"


COMPUTED = (
    "is computed from other tensors (weight_norm, a parametrization, an operation), so writing it changes no "
    "model; assign to the module's attribute instead (module.weight = values), or let igt.init_ set it"
)


def is_computed(tensor: torch.Tensor) -> bool:
    """Whether autograd made the tensor from others and its memory is nobody's parameter."""
    owner = tensor._base if tensor._is_view() and tensor._base is not None else tensor
    return not owner.is_leaf


def prepare(
    like: torch.Tensor,
    init: InitializerName | str | Initializer | Law,
    *,
    seed: int,
    path: str,
    threads: int | None = None,
    **geometry: Any,
) -> Write:
    """What fills any tensor of this shape, dtype and sharding; refuses here all that can be refused."""
    if like.numel() == 0:
        return lambda tensor: None
    _check_strided(like, path)
    name = str(like.dtype).removeprefix("torch.")
    law = law_of(init, tuple(like.shape), dtype=name, **geometry)
    key, workers, boxes = Key.of(seed, path), thread_count(threads), local_boxes(like)

    def writer_of(region: Region) -> Callable[[NDArray[Any]], None]:
        return writer(law, name, key, region, workers)

    for _, region in boxes:
        writer_of(region)
    return Draw(boxes, partial(drawer, law=law, dtype=name, key=key), writer_of)


@dataclass(frozen=True)
class Draw:
    """Fills tensors with numbers of their own; several can be filled at a time."""

    boxes: Boxes
    on_device: Callable[[torch.Tensor], Any]
    writer_of: Callable[[Region], Any]

    def __call__(self, tensor: torch.Tensor) -> None:
        """Fills the tensor, or this process's share of it."""
        _write(local_part(tensor), self.boxes, self.on_device, self.writer_of)

    def leaves_threads(self, tensor: torch.Tensor) -> bool:
        """Whether filling it keeps one thread of the host busy, so that others can fill others."""
        return tensor.device.type == "cpu" and is_one_piece(sum(region.size for _, region in self.boxes))


def _check_strided(tensor: torch.Tensor, path: str) -> None:
    where = named(path)
    if not is_dtensor(tensor) and codes_of(tensor):
        raise DrawError(
            f"{where} holds codes ({codes_of(tensor)}), not the numbers that multiply: quantised weights are "
            "left alone; start the model before it is quantised"
        )
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise DrawError(f"{where} is a {tensor.layout} or quantized tensor; only dense ones can be filled")
    local = local_part(tensor)
    if any(step == 0 and size > 1 for step, size in zip(local.stride(), local.shape, strict=True)):
        raise DrawError(f"{where} is expanded: its elements share memory; fill a .clone() of it")


@torch.no_grad()
def _write(
    local: torch.Tensor,
    boxes: Boxes,
    on_device: Callable[[torch.Tensor], Any],
    writer_of: Callable[[Region], Any],
) -> None:
    local = local.detach()
    for place, region in boxes:
        if region.size == 0:
            continue
        part = local[place] if place else local
        draw = on_device(part)
        if draw is not None:
            draw(region)
        elif _has_host_memory(part):
            writer_of(region)(as_array(part))
            torch.autograd.graph.increment_version(part)
        else:
            through_host(part, region, writer_of)


def _has_host_memory(tensor: torch.Tensor) -> bool:
    plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)
    return plain and tensor.device.type == "cpu" and not tensor.is_conj() and not tensor.is_neg()


def allocate(like: torch.Tensor, device: torch.device | str | None, path: str) -> torch.Tensor:
    """Fresh memory for a meta tensor (or meta DTensor), not yet written."""
    try:
        fresh = _empty(like, device)
    except (RuntimeError, MemoryError, TypeError) as error:
        size = like.numel() * like.element_size() / 2**20
        where = "cpu" if device is None else shown(device)
        raise DrawError(f"no memory for {path}: {size:.0f} MiB on {where} ({error})") from error
    _prefer_huge_pages(local_part(fresh))
    return fresh


def _empty(like: torch.Tensor, device: torch.device | str | None) -> torch.Tensor:
    if type(like) in (torch.Tensor, torch.nn.Parameter):  # of meta, empty_like is worked out in Python
        strides = like.stride()
        return torch.empty_strided(like.shape, strides, dtype=like.dtype, device=device or "cpu")
    if is_dtensor(like) and device is None:
        device = like.device_mesh.device_type  # type: ignore[attr-defined]
    return torch.empty_like(like, device=device or "cpu")


def _prefer_huge_pages(tensor: torch.Tensor) -> None:
    """Ask Linux for 2 MB pages behind fresh memory, as NumPy does for its arrays: 500 times fewer faults."""
    size = tensor.numel() * tensor.element_size()
    if not sys.platform.startswith("linux") or tensor.device.type != "cpu" or size < 2 * _HUGE_PAGE:
        return
    start = -(-tensor.data_ptr() // _HUGE_PAGE) * _HUGE_PAGE
    length = (tensor.data_ptr() + size - start) // _HUGE_PAGE * _HUGE_PAGE
    ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_HUGEPAGE)
