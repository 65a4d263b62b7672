"""timm: one or a few small members of as many families as run on small images."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch import nn

from survey.models import add
from survey.tasks import images

# miniatures that timm itself tests with: the real blocks, a few channels
TINY = ("test_vit test_vit2 test_vit4 test_convnext test_convnext2 test_convnext3 test_nfnet test_resnet "
        "test_byobnet test_efficientnet test_efficientnet_gn test_efficientnet_ln test_efficientnet_evos test_mambaout")  # fmt: skip
FREE = ("resnet10t resnet26 nf_resnet26 nf_regnet_b0 dla46_c densenet121 lcnet_035 mobilenetv3_small_050 "
        "efficientnet_lite0 efficientnet_b0 hardcorenas_a mixnet_s fasternet_t0 repghostnet_050 ghostnet_050 "
        "ese_vovnet19b_slim_dw edgenext_xx_small cs3darknet_s cspnext_tiny dpn48b regnetx_002 regnety_002 "
        "res2net50_14w_8s resnest14d selecsls42 skresnet18 hrnet_w18_small mobileone_s0 repvgg_a0 poolformer_s12 "
        "poolformerv2_s12 mobilevit_xxs mobilevitv2_050 fastvit_t8 efficientvit_b0 efficientvim_m1 starnet_s1 "
        "shvit_s1 rexnet_100 rexnetr_100 semnasnet_050 fbnetc_100 tinynet_e visformer_tiny convnextv2_atto "
        "mambaout_femto rdnet_tiny vgg11 xception41 inception_next_atto legacy_seresnet18 ecaresnet26t seresnet18 "
        "eca_botnext26ts_256 resnetv2_18 hgnet_tiny hgnetv2_b0 tiny_vit_5m_224 mobilenetv4_conv_small_035 "
        "mobilenetv5_base cpubone_nano swiftformer_xs nextvit_small repvit_m0_9")  # fmt: skip
# families whose positions or windows want the size to be told
SIZED = ("test_vit3 test_vit_relpos test_maxvit test_coatnet deit_tiny_patch16_224 cait_xxs24_224 xcit_nano_12_p16_224 crossvit_tiny_240 levit_128s "
         "convit_tiny mixer_s32_224 resmlp_12_224 gmlp_ti16_224 beit_base_patch16_224 eva02_tiny_patch14_224 "
         "efficientformer_l1 efficientformerv2_s0 efficientvit_m0 swin_tiny_patch4_window7_224 "
         "swinv2_cr_tiny_ns_224 maxvit_pico_rw_256 coatnet_pico_rw_224 coat_lite_tiny pit_ti_224 tnt_s_legacy_patch16_224 "
         "volo_d1_224 sequencer2d_s nest_tiny pvt_v2_b0 twins_pcpvt_small davit_tiny gcvit_xxtiny hiera_tiny_224 "
         "mvitv2_tiny vitamin_small_224 samvit_base_patch16_224 focalnet_tiny_srf convmixer_768_32 csatv2 halonet_h1 "
         "inception_v3 inception_v4")  # fmt: skip
SIZES = {"maxvit_pico_rw_256": 128, "halonet_h1": 64, "inception_v3": 96, "inception_v4": 96, "convmixer_768_32": 64,
         "eva02_tiny_patch14_224": 56, "hiera_tiny_224": 64, "mixer_s32_224": 64, "crossvit_tiny_240": 48}  # fmt: skip
UNTOLD = ("levit_128s efficientvit_m0 sequencer2d_s pvt_v2_b0 davit_tiny convmixer_768_32 csatv2 halonet_h1 inception_v3 "
          "inception_v4 focalnet_tiny_srf twins_pcpvt_small efficientformer_l1 efficientformerv2_s0")  # fmt: skip


def created(name: str, **options: Any) -> Callable[[], nn.Module]:
    """timm.create_model without weights, for ten classes."""
    return lambda: import_module("timm").create_model(name, pretrained=False, num_classes=10, **options)


add("timm", {name: created(name) for name in TINY.split()}, images(64, 16))
add("timm", {name: created(name) for name in FREE.split()}, images(64, 8))
for _name in SIZED.split():
    _size = SIZES.get(_name, 64)
    _told = {} if _name in UNTOLD.split() else {"img_size": _size}
    add("timm", {_name: created(_name, **_told)}, images(_size, 8))
