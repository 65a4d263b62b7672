#!/bin/sh
# segmentation-models-pytorch 0.6.0: encoder_depth=3 runs three stages of an encoder, and keeps nearly all of the others as
# trainable parameters that no operation reads: of a Linknet 97 % (mobilenet_v2), 94 % (resnet18), 98 % (efficientnet-b0),
# 96 % (inceptionv4).  They fill the optimizer and the checkpoint, count as parameters of the model, and with
# DistributedDataParallel the backward pass waits for them (find_unused_parameters).  Encoders called by timm's name
# ("tu-resnet18") are cut to size: of them nothing is left over, though the stages are the same.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 pillow==13.0.0 huggingface-hub==2.4.0 safetensors==0.8.0 pyyaml==6.0.4 tqdm==4.70.1
"$folder/venv/bin/pip" install -q --no-deps torchvision==0.28.0 timm==1.0.31 segmentation-models-pytorch==0.6.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch

try:  # its binary may be made for another build of torch, and nothing here runs it
    import torchvision
except RuntimeError:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import segmentation_models_pytorch as smp

torch.manual_seed(0)
for encoder in ("mobilenet_v2", "resnet18", "efficientnet-b0", "inceptionv4", "tu-resnet18"):
    model = smp.Linknet(encoder, encoder_depth=3, encoder_weights=None, in_channels=3, classes=1)
    model(torch.randn(2, 3, 64, 64)).sum().backward()
    sizes = {one: one.numel() for one in model.parameters()}
    idle = sum(size for one, size in sizes.items() if one.grad is None)
    print(f"{encoder}: {idle:,} of {sum(sizes.values()):,} numbers get no gradient")
    assert idle == 0 if encoder.startswith("tu-") else idle > 0.9 * sum(sizes.values())
EOF
