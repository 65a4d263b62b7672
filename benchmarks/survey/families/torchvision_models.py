"""torchvision's classifiers, segmentation, optical flow and detection, without weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from survey.models import Batch, add
from survey.tasks import digits, generator, images, masks

SMALL = ("resnet18 wide_resnet50_2 shufflenet_v2_x0_5 mobilenet_v2 mobilenet_v3_small mnasnet0_5 squeezenet1_1 "
         "efficientnet_b0 efficientnet_v2_s regnet_y_400mf regnet_x_400mf convnext_tiny densenet121")  # fmt: skip
LARGE = {"alexnet": 64, "vgg11": 32, "vgg11_bn": 32, "googlenet": 64, "inception_v3": 75, "swin_t": 64,
         "swin_v2_t": 64, "maxvit_t": 224}  # fmt: skip


def classifier(name: str, **options: Any) -> Callable[[], nn.Module]:
    """A constructor of torchvision.models."""
    return lambda: getattr(import_module("torchvision.models"), name)(weights=None, num_classes=10, **options)


add("torchvision", {name: classifier(name) for name in SMALL.split()}, images(64, 16))
for name, size in LARGE.items():
    add("torchvision", {name: classifier(name)}, images(size, 8 if size < 200 else 2), trains=size < 200)
vit = {
    "image_size": 32,
    "patch_size": 8,
    "num_layers": 6,
    "num_heads": 4,
    "hidden_dim": 64,
    "mlp_dim": 128,
    "num_classes": 10,
}
add(
    "torchvision",
    {"VisionTransformer": lambda: import_module("torchvision.models").VisionTransformer(**vit)},
    images(32),
)


def segmenter(name: str) -> Callable[[], nn.Module]:
    """A constructor of torchvision.models.segmentation."""
    make = partial(import_module, "torchvision.models.segmentation")
    return lambda: getattr(make(), name)(weights=None, weights_backbone=None, num_classes=5)


add("torchvision", {n: segmenter(n) for n in ("fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")},
    masks(64, 4))  # fmt: skip


def video(seed: int) -> Batch:
    """Digits that stand still for eight frames."""
    given, labels = digits(32, 2, seed)
    return given.unsqueeze(2).expand(-1, -1, 8, -1, -1).contiguous(), lambda o: functional.cross_entropy(
        o, labels
    )


def clip(name: str) -> Callable[[], nn.Module]:
    """A constructor of torchvision.models.video."""
    return lambda: getattr(import_module("torchvision.models.video"), name)(num_classes=10)


add("torchvision", {n: clip(n) for n in ("r3d_18", "mc3_18", "r2plus1d_18")}, video)


def flow(seed: int) -> Batch:
    """A picture and the same moved by two pixels."""
    given = torch.tanh(digits(128, 1, seed)[0])
    target = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1)
    return (given, given.roll(2, 3), 2), lambda output: (output[-1] - target).abs().mean()


add("torchvision", {"raft_small": lambda: import_module("torchvision.models.optical_flow").raft_small(weights=None)},
    flow, trains=False)  # fmt: skip


def boxes(seed: int) -> Batch:
    """One square in each of two pictures."""
    corners = 40 * torch.rand(2, 2, generator=generator(seed))
    pictures = list(digits(64, 2, seed)[0])
    found = [{"boxes": torch.cat([c, c + 20])[None], "labels": torch.tensor([1])} for c in corners]
    return (pictures, found), total


def total(output: dict[str, Tensor]) -> Tensor:
    """The sum of a detector's losses."""
    return torch.stack([*output.values()]).sum()


def detector(name: str) -> Callable[[], nn.Module]:
    """A constructor of torchvision.models.detection."""
    small = {} if name == "ssdlite320_mobilenet_v3_large" else {"min_size": 64, "max_size": 64}
    return lambda: getattr(import_module("torchvision.models.detection"), name)(
        weights=None, weights_backbone=None, num_classes=3, **small
    )


add("torchvision", {n: detector(n) for n in ("retinanet_resnet50_fpn", "fcos_resnet50_fpn", "ssdlite320_mobilenet_v3_large")},
    boxes, trains=False)  # fmt: skip
