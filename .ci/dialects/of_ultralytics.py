"""Ultralytics' detection heads: biases of boxes and of classes, by stride."""

import _operators  # noqa: F401
import torch
from ultralytics.nn.tasks import DetectionModel

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
