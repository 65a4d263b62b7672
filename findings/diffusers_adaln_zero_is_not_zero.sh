#!/bin/sh
# diffusers 0.42.1: AdaLayerNormZero ("adaLN-Zero") draws its linear layer as PyTorch does and never sets it to zero, in
# the module or in DiTTransformer2DModel.  The method is named after gates that are 0 at the start, each block being
# the identity (Peebles & Xie 2022, section 3.2); here gates are random, and so is the final projection.
# Seen: every gate differs from 0, rms .4; the first block moves its input by 17 %; the output has rms .7.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 pillow==13.0.0 diffusers==0.42.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from diffusers import DiTTransformer2DModel

torch.manual_seed(0)
model = DiTTransformer2DModel(num_attention_heads=4, attention_head_dim=16, in_channels=4, num_layers=4, sample_size=16,
                              patch_size=2, num_embeds_ada_norm=10, norm_num_groups=8)
seen = {}
norm, block = model.transformer_blocks[0].norm1, model.transformer_blocks[0]
norm.linear.register_forward_hook(lambda m, i, o: seen.update(gates=o.chunk(6, 1)[2]))
block.register_forward_hook(lambda m, i, o: seen.update(moved=float((o - i[0]).norm() / i[0].norm())))
out = model(torch.randn(2, 4, 16, 16), timestep=torch.tensor([10, 500]), class_labels=torch.tensor([1, 2])).sample
gates = seen["gates"].detach()
print(f"first block's gates: rms {float(gates.square().mean().sqrt()):.3f}, exactly 0: {int((gates == 0).sum())} of {gates.numel()}")
print(f"the block moves its input by {seen['moved']:.1%}; the model's output has rms {float(out.detach().square().mean().sqrt()):.2f}")
assert norm.linear.weight.detach().std() > 0.01 and (gates != 0).all() and seen["moved"] > 0.001
EOF
