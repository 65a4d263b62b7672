"""The models that benchmarks/meta.py builds: how each is built, and the loss of a forward pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

__all__ = ["Build", "Loss", "models"]

Build = Callable[[], nn.Module]
Loss = Callable[[nn.Module], float] | None


def models(library: str, names: Sequence[str] = ()) -> dict[str, tuple[Build, Loss]]:
    """Name -> (builder, loss of a model) of a library; of timm and torchvision any names that they know."""
    from survey import operators  # noqa: F401  (before torchvision is imported by anyone)

    if library in ("timm", "torchvision"):
        row, usual = (_timm, TIMM) if library == "timm" else (_torchvision, TORCHVISION)
        return {name: row(name) for name in names or usual}
    tables = {"transformers": _transformers, "diffusers": _diffusers}
    every = tables[library]() if library in tables else dict(_surveyed(library))
    return {name: every[name] for name in names or every}


def _surveyed(library: str) -> Iterator[tuple[str, tuple[Build, Loss]]]:
    """Models of the survey whose library is installed."""
    from survey.models import every

    for name, one in every().items():
        if one.version is not None and library in ("survey", one.library):
            yield name, (one.build, None)


def _transformers() -> dict[str, tuple[Build, Loss]]:
    from corpus.architectures import ARCHITECTURES

    def row(make: Any) -> tuple[Build, Loss]:
        inputs = _drawn(make.args[2])
        return (lambda: _built(make)), lambda model: _loss(model, inputs)

    return {name: row(make) for name, make in ARCHITECTURES.items()}


def _diffusers() -> dict[str, tuple[Build, Loss]]:
    from meta_diffusers import DIFFUSERS, Small

    def row(small: Small) -> tuple[Build, Loss]:
        inputs = _drawn(small.inputs)
        return small.build, lambda model: _loss(model, inputs)

    return {name: row(small) for name, small in DIFFUSERS.items()}


def _drawn(inputs: Callable[[], Any]) -> Any:
    """The same ones each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return inputs()


def _built(make: Any) -> nn.Module:
    import transformers

    config, model, _ = make.args
    found: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**make.keywords))
    return found


@torch.no_grad()
def _loss(model: nn.Module, inputs: Any) -> float:
    """The model's own, or the mean square of what it returns first; its own noise is the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        found = model.eval()(**inputs) if isinstance(inputs, dict) else model.eval()(inputs)
    loss = getattr(found, "loss", None)
    return float(_first(found).float().square().mean() if loss is None else loss)


def _first(found: Any) -> torch.Tensor:
    while not isinstance(found, torch.Tensor):
        found = next(iter(found.values() if isinstance(found, dict) else found))
    return found


TIMM = (
    "resnet18", "resnet50", "resnet26d", "resnetv2_50", "resnext50_32x4d", "seresnet50", "skresnet18",
    "ecaresnet26t", "res2net50_26w_4s", "resnest26d", "wide_resnet50_2", "densenet121", "dla34", "dpn68",
    "vgg11_bn", "inception_v3", "inception_v4", "xception41", "regnetx_002", "regnety_002",
    "efficientnet_b0", "tf_efficientnet_b0", "mobilenetv2_100", "mobilenetv3_small_100",
    "mobilenetv4_conv_small", "mnasnet_100", "ghostnet_100", "lcnet_050", "hardcorenas_a", "fbnetc_100",
    "hrnet_w18_small", "repvgg_a0", "convnext_atto", "convnextv2_atto", "vit_tiny_patch16_224",
    "vit_small_patch16_224", "deit_tiny_patch16_224", "deit3_small_patch16_224", "beit_base_patch16_224",
    "beitv2_base_patch16_224", "eva02_tiny_patch14_224", "cait_xxs24_224", "xcit_nano_12_p16_224",
    "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "twins_svt_small", "pit_ti_224",
    "coat_tiny", "convit_tiny", "levit_128s", "mixer_s16_224", "gmlp_ti16_224", "resmlp_12_224",
    "poolformer_s12", "caformer_s18", "maxvit_tiny_tf_224", "coatnet_0_rw_224", "nfnet_f0",
    "edgenext_xx_small", "mobilevit_xxs",
)  # fmt: skip


def _timm(name: str) -> tuple[Build, Loss]:
    import timm

    build = partial(timm.create_model, name, pretrained=False, num_classes=10)
    return build, lambda model: _loss(model, _image(model.pretrained_cfg["input_size"][-1]))


TORCHVISION = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
    "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf",
    "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "swin_v2_t",
    "vgg11_bn", "vit_b_16",
)  # fmt: skip


def _torchvision(name: str) -> tuple[Build, Loss]:
    import torchvision

    more: dict[str, Any] = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    if _takes_backbone(torchvision.models.get_model_builder(name)):
        more["weights_backbone"] = None
    build = partial(torchvision.models.get_model, name, weights=None, num_classes=10, **more)
    size = 299 if name == "inception_v3" else 224
    return build, lambda model: _loss(model, _image(size))


def _takes_backbone(builder: Callable[..., Any]) -> bool:
    return "weights_backbone" in inspect.signature(builder).parameters


def _image(size: int) -> torch.Tensor:
    found: torch.Tensor = _drawn(lambda: torch.randn(2, 3, size, size))
    return found
