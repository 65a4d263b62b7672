#!/bin/sh
# pytorch-tabnet 4.1.0: initialize_non_glu calls Xavier with the gain sqrt((in + out) / sqrt(4 in)).  The fans cancel:
# Var[w] = 1 / sqrt(in), not 1 / in, so the map multiplies the size of what it reads by in^(1/4), more the wider
# TabNet is, and the logits with it.
# Seen: gains 1.9, 2.9, 4.0, 5.7 at widths 16, 64, 256, 1024; first loss with ten classes 3.1 at width 16, 4.4 at 256 (ln 10 = 2.3).
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pytorch-tabnet==4.1.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from pytorch_tabnet.tab_network import TabNet

torch.manual_seed(0)
for width in (16, 64, 256, 1024):
    head = TabNet(32, 10, n_d=width, n_a=8, n_steps=3, group_attention_matrix=torch.eye(32)).tabnet.final_mapping
    gain = float(head.weight.detach().std()) * width**0.5
    print(f"width {width}: the head multiplies sizes by {gain:.2f}, width^(1/4) is {width**0.25:.2f}")
    assert abs(gain / width**0.25 - 1) < 0.1
losses = {}
for width in (16, 256):
    model = TabNet(32, 10, n_d=width, n_a=8, n_steps=3, group_attention_matrix=torch.eye(32))
    losses[width] = float(torch.nn.functional.cross_entropy(model(torch.randn(256, 32))[0], torch.randint(10, (256,))))
print("first loss with ten classes, ln 10 = 2.30:", {width: round(loss, 2) for width, loss in losses.items()})
assert losses[256] > losses[16] > 2.35
EOF
