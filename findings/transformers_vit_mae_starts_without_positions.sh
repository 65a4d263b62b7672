#!/bin/sh
# transformers 5.23.0: a ViTMAE built from its configuration has no positions.  The sines of its position embeddings are
# written by ViTMAEEmbeddings.initialize_weights, which returns at once where the projection inside it has been started;
# children are started before their parent, so it always has.  The embeddings stay at the 0 that they are made with, and
# they are frozen (requires_grad=False), so no training mends them.  The class token and the projection's Xavier law,
# written by the same function, are left out with them.
# Seen: position embeddings and class token all 0; the patches of an image shuffled, the encoder's outputs are the same,
# shuffled, to 1e-6.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 transformers==5.23.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from transformers import ViTMAEConfig, ViTMAEModel

torch.manual_seed(0)
model = ViTMAEModel(ViTMAEConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
                                 image_size=64, patch_size=16, mask_ratio=0.0)).eval()
embeddings = model.embeddings
positions, token = embeddings.position_embeddings, embeddings.cls_token
image, order, noise = torch.randn(1, 3, 64, 64), torch.randperm(16), torch.arange(16.0)[None]
patches = image.reshape(1, 3, 4, 16, 4, 16).permute(0, 2, 4, 1, 3, 5).reshape(1, 16, 3, 16, 16)[:, order]
shuffled = patches.reshape(1, 4, 4, 3, 16, 16).permute(0, 3, 1, 4, 2, 5).reshape(1, 3, 64, 64)
with torch.no_grad():
    first, second = (model(one, noise=noise).last_hidden_state for one in (image, shuffled))
gap = float((first[:, 1:][:, order] - second[:, 1:]).abs().max())
print(f"largest position embedding {float(positions.abs().max())}, trained: {positions.requires_grad}")
print(f"largest value of the class token {float(token.abs().max())}")
print(f"patches shuffled: outputs of size {float(first.std()):.2f} are those of the image, shuffled, to {gap:.0e}")
assert not positions.any() and not positions.requires_grad and not token.any() and gap < 1e-5
EOF
