"""torchvision beside the CPU build of torch, whose compiled operators it cannot load: it wants two declared.

The models of the survey use neither in training mode; calling one raises, as it does without this file.
"""

import contextlib

import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    with contextlib.suppress(RuntimeError):  # declared already: torchvision found its own
        _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
