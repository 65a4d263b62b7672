"""vit-pytorch: its variants of the vision transformer, two to four blocks deep."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import nn

from survey.models import add
from survey.tasks import images

PLAIN = {
    "image_size": 32,
    "patch_size": 8,
    "num_classes": 10,
    "dim": 64,
    "depth": 4,
    "heads": 4,
    "mlp_dim": 128,
}
FAMILY = {
    "vit": "ViT", "simple_vit": "SimpleViT", "deepvit": "DeepViT", "parallel_vit": "ViT",
    "pit": "PiT", "rvt": "RvT", "normalized_vit": "nViT", "vit_for_small_dataset": "ViT", "vit_5": "ViT",
    "vit_with_keel_post_ln": "ViT", "simple_vit_with_value_residual": "SimpleViT", "simple_uvit": "SimpleUViT",
    "simple_vit_with_qk_norm": "SimpleViT", "simple_vit_attn_residual": "SimpleViTAttnResidual", "jumbo_vit": "JumboViT",
    "simple_vit_with_hyper_connections": "SimpleViT", "simple_vit_with_fft": "SimpleViT", "cait": "CaiT", "xcit": "XCiT",
    "levit": "LeViT", "t2t": "T2TViT", "vit_with_patch_merger": "ViT", "vit_with_patch_dropout": "ViT",
    "simple_vit_with_register_tokens": "SimpleViT", "ats_vit": "ViT", "nest": "NesT", "look_vit": "LookViT",
    "cvt": "CvT", "twins_svt": "TwinsSVT", "scalable_vit": "ScalableViT", "sep_vit": "SepViT", "regionvit": "RegionViT",
    "crossformer": "CrossFormer", "max_vit": "MaxViT", "cross_vit": "CrossViT", "mobile_vit": "MobileViT", "cct": "CCT",
}  # fmt: skip
MORE: dict[str, dict[str, Any]] = {
    "simple_vit_with_hyper_connections": {"num_residual_streams": 2}, "simple_vit_with_fft": {"freq_patch_size": 8},
    "cait": {"cls_depth": 2}, "xcit": {"cls_depth": 2}, "pit": {"image_size": 64, "depth": (2, 2)}, "jumbo_vit": {"jumbo_cls_k": 2, "dim": 32},
    "ats_vit": {"max_tokens_per_depth": (16, 12, 8, 4)},
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "levit": {"image_size": 64, "num_classes": 10, "dim": (32, 48, 64), "depth": 2, "heads": (2, 3, 4), "mlp_mult": 2},
    "t2t": {"image_size": 32, "num_classes": 10, "dim": 64, "depth": 3, "heads": 4, "mlp_dim": 128},
    "nest": {"image_size": 32, "patch_size": 4, "num_classes": 10, "dim": 32, "heads": 2, "num_hierarchies": 2, "block_repeats": (1, 2)},
    "look_vit": {"image_size": 48, "num_classes": 10, "dim": 64, "depth": 2},
    "cvt": {"num_classes": 10, "s1_emb_dim": 16, "s2_emb_dim": 32, "s3_emb_dim": 64, "s2_heads": 2, "s3_heads": 2, "s3_depth": 2},
    "twins_svt": {"num_classes": 10, "s1_emb_dim": 16, "s2_emb_dim": 32, "s3_emb_dim": 48, "s4_emb_dim": 64, "s3_depth": 1, "s4_depth": 1,
                      "s1_local_patch_size": 4, "s2_local_patch_size": 4, "s3_local_patch_size": 2, "s4_local_patch_size": 1},
    "scalable_vit": {"num_classes": 10, "dim": 16, "heads": (1, 2, 2, 4), "depth": (1, 1, 1, 1), "ff_expansion_factor": 2,
                         "reduction_factor": (4, 2, 1, 1), "window_size": (4, 4, None, None)},
    "sep_vit": {"num_classes": 10, "dim": 16, "depth": (1, 1, 2, 1), "heads": (1, 2, 2, 4), "window_size": 2},
    "regionvit": {"num_classes": 10, "dim": (16, 32, 48, 64), "depth": (1, 1, 2, 1), "window_size": 2},
    "crossformer": {"num_classes": 10, "dim": (16, 32, 48, 64), "depth": (1, 1, 2, 1), "global_window_size": (4, 2, 2, 1),
                        "local_window_size": 2},
    "max_vit": {"num_classes": 10, "dim": 16, "dim_conv_stem": 16, "depth": (1, 1), "window_size": 4, "dim_head": 8},
    "cross_vit": {"image_size": 48, "num_classes": 10, "sm_dim": 32, "lg_dim": 48, "sm_enc_mlp_dim": 64, "lg_enc_mlp_dim": 96, "depth": 2,
                      "lg_enc_depth": 1, "sm_enc_heads": 2, "lg_enc_heads": 2, "cross_attn_heads": 2},
    "mobile_vit": {"image_size": (64, 64), "dims": [32, 48, 64], "channels": [16, 16, 24, 24, 32, 32, 48, 48, 64, 64, 96],
                       "num_classes": 10},
    "cct": {"img_size": 32, "embedding_dim": 64, "num_layers": 4, "num_heads": 4, "mlp_ratio": 2, "num_classes": 10},
}  # fmt: skip
SIZE = {"pit": 64, "levit": 64, "look_vit": 48, "cross_vit": 48, "mobile_vit": 64, "cvt": 64, "twins_svt": 64,
        "scalable_vit": 64, "sep_vit": 64, "regionvit": 64, "crossformer": 64, "max_vit": 64}  # fmt: skip


def built(module: str, kind: str, options: dict[str, Any]) -> Callable[[], nn.Module]:
    """A class of one of its files."""
    return lambda: getattr(import_module(f"vit_pytorch.{module}"), kind)(**options)


for _module, _kind in FAMILY.items():
    _options = OWN.get(_module) or PLAIN | MORE.get(_module, {})
    _size = SIZE.get(_module, 32)
    add("vit-pytorch", {_module: built(_module, _kind, _options)}, images(_size, 16))
