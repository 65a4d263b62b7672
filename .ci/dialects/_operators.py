"""Names of torchvision's operators: its wheel may be for another torch, and its import asks for them."""

import contextlib

import torch

for operator in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
    with contextlib.suppress(RuntimeError):
        torch.library.define(f"torchvision::{operator}", "(Tensor x) -> Tensor")
