"""Segmentation and medical models: segmentation-models-pytorch and monai."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import nn

from survey.models import add
from survey.tasks import images, masks, same

Build = Callable[[], nn.Module]


def smp(name: str, encoder: str = "resnet18", **options: Any) -> Build:
    """An encoder and a decoder."""
    return lambda: getattr(import_module("segmentation_models_pytorch"), name)(
        encoder_name=encoder, encoder_weights=None, classes=5, **options
    )


add("segmentation-models-pytorch", {
    "Unet": smp("Unet"), "UnetPlusPlus": smp("UnetPlusPlus"), "MAnet": smp("MAnet"), "Linknet": smp("Linknet"),
    "FPN": smp("FPN"), "PSPNet": smp("PSPNet"), "DeepLabV3": smp("DeepLabV3"), "DeepLabV3Plus": smp("DeepLabV3Plus"),
    "PAN": smp("PAN"), "UPerNet": smp("UPerNet"), "Unet-mobilenet": smp("Unet", "mobilenet_v2"),
    "Segformer": smp("Segformer", "mit_b0"), "Unet-scse": smp("Unet", decoder_attention_type="scse"),
}, masks(64, 4))  # fmt: skip


def net(name: str, **options: Any) -> Build:
    """A network of monai."""
    return lambda: getattr(import_module("monai.networks.nets"), name)(**options)


FLAT = {"spatial_dims": 2, "in_channels": 1, "out_channels": 5}
add("monai", {
    "UNet": net("UNet", **FLAT, channels=(8, 16, 32, 64), strides=(2, 2, 2), num_res_units=2),
    "BasicUNet": net("BasicUNet", **FLAT, features=(8, 8, 16, 32, 64, 8)), "SegResNet": net("SegResNet", **FLAT),
    "AttentionUnet": net("AttentionUnet", **FLAT, channels=(8, 16, 32), strides=(2, 2)),
    "VNet": net("VNet", **FLAT, dropout_prob_down=None, dropout_prob_up=(None, None)), "UNETR": net("UNETR", **FLAT, img_size=64, feature_size=8, hidden_size=64, mlp_dim=128, num_heads=4),
    "SwinUNETR": net("SwinUNETR", **FLAT, feature_size=12, depths=(1, 1, 1, 1)),
    "DynUNet": net("DynUNet", **FLAT, kernel_size=[3, 3, 3], strides=[1, 2, 2], upsample_kernel_size=[2, 2], filters=[8, 16, 32]),
    "HighResNet": net("HighResNet", **FLAT), "FlexibleUNet": net("FlexibleUNet", in_channels=1, out_channels=5, backbone="efficientnet-b0"),
    "MedNeXt": net("MedNeXt", spatial_dims=2, in_channels=1, out_channels=5, init_filters=8),
}, masks(64, 2, channels=1))  # fmt: skip
add("monai", {
    "AutoEncoder": net("AutoEncoder", spatial_dims=2, in_channels=1, out_channels=1, channels=(8, 16, 32), strides=(2, 2, 2)),
    "Restormer": net("Restormer", spatial_dims=2, in_channels=1, out_channels=1, dim=12, num_blocks=(1, 1, 1, 1), heads=(1, 1, 2, 2), num_refinement_blocks=1),
    "ViTAutoEnc": net("ViTAutoEnc", in_channels=1, img_size=32, patch_size=8, out_channels=1, hidden_size=64, mlp_dim=128, num_layers=4, num_heads=4, spatial_dims=2),
    "AutoencoderKL": net("AutoencoderKL", spatial_dims=2, in_channels=1, out_channels=1, channels=(8, 16, 16), attention_levels=(False, False, True), norm_num_groups=4, num_res_blocks=1),
    "VQVAE": net("VQVAE", spatial_dims=2, in_channels=1, out_channels=1, channels=(16, 16), num_res_channels=16, embedding_dim=8, num_embeddings=16),
}, same(32, 4, 1))  # fmt: skip
add("monai", {
    "DenseNet": net("DenseNet121", spatial_dims=2, in_channels=1, out_channels=10), "SEResNet50": net("SEResNet50", spatial_dims=2, in_channels=1, num_classes=10),
    "ResNet10": net("resnet10", spatial_dims=2, n_input_channels=1, num_classes=10),
    "Classifier": net("Classifier", in_shape=(1, 64, 64), classes=10, channels=(8, 16, 32), strides=(2, 2, 2)),
    "EfficientNetBN": net("EfficientNetBN", model_name="efficientnet-b0", pretrained=False, spatial_dims=2, in_channels=1, num_classes=10),
}, images(64, 8, 1))  # fmt: skip
