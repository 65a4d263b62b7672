#!/bin/sh
# timm 1.0.31: a VisionTransformer built in half precision, create_model(..., dtype=torch.bfloat16), starts with one
# weight in 500 at exactly -2.0, a hundred standard deviations from 0.  Its trunc_normal_ (std .02, bounds of +-2) turns
# a uniform number around by erfinv in the weight's own type: bfloat16 meets the end of the interval, -1, about once in
# 500 draws, erfinv of it is minus infinity, and the bound makes -2 of it.  In float16 it is one in some 4,000; in float32
# about one in 2^24.  torch's own trunc_normal_ of the same arguments has none.
# Seen: std .09 instead of .02 in every linear layer; 310 of 147,456 weights are -2; torch: std .020, none.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 pillow==13.0.0 huggingface-hub==2.4.0 safetensors==0.8.0 pyyaml==6.0.4
"$folder/venv/bin/pip" install -q --no-deps torchvision==0.28.0 timm==1.0.31
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch

try:  # timm imports it; its binary may be made for another build of torch, and nothing here runs it
    import torchvision
except RuntimeError:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import timm

torch.manual_seed(0)
model = timm.create_model("vit_tiny_patch16_224", dtype=torch.bfloat16)
weight = model.blocks[0].mlp.fc1.weight.detach().float()
own = torch.nn.init.trunc_normal_(torch.empty(192, 768, dtype=torch.bfloat16), std=0.02, a=-2, b=2).float()
print(f"timm: std {float(weight.std()):.3f}, at -2: {int((weight == -2).sum())} of {weight.numel():,}")
print(f"torch: std {float(own.std()):.3f}, at -2: {int((own == -2).sum())}")
assert weight.std() > 0.05 and (weight == -2).float().mean() > 5e-4
assert abs(float(own.std()) - 0.02) < 0.001 and not (own == -2).any()
EOF
