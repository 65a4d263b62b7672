"""Ultralytics' detection heads: biases of boxes and of classes, by stride."""

import contextlib

import torch

for operator in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
    with contextlib.suppress(RuntimeError):  # torchvision's wheel may be for another torch
        torch.library.define(f"torchvision::{operator}", "(Tensor x) -> Tensor")
from ultralytics.nn.tasks import DetectionModel  # noqa: E402

torch.manual_seed(0)


def samples():
    for name in ("yolov8n", "yolov10n", "yolo11n"):
        head = DetectionModel(f"{name}.yaml", nc=20, verbose=False).model[-1]
        pairs = [(head.cv2, head.cv3)] + (
            [(head.one2one_cv2, head.one2one_cv3)] if name == "yolov10n" else []
        )
        for boxes, classes in pairs:
            for box, kind, stride in zip(boxes, classes, head.stride.tolist(), strict=True):
                yield "ultralytics.Detect.cv2.bias", {}, box[-1].bias.detach()
                yield (
                    "ultralytics.Detect.cv3.bias",
                    {"classes": 20, "stride": int(stride)},
                    kind[-1].bias.detach()[:20],
                )
