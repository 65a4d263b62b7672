#!/bin/sh
# transformers 5.23.0, torch 2.13.0: XLNet makes its attention's parameters with torch.FloatTensor(sizes), a constructor
# that takes no notice of torch.device("meta").  Of a model built there these parameters, and these alone, lie on the CPU,
# with whatever was in that memory: the library starts nothing on meta, and nobody who fills meta tensors later touches
# them, as they are none.
# Seen: 19 of 36 parameters of two layers on the CPU, never written to (their version is 0).
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 transformers==5.23.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from transformers import XLNetConfig, XLNetModel

config = XLNetConfig(d_model=64, n_layer=2, n_head=4, d_inner=64)
with torch.device("meta"):
    model = XLNetModel(config)
    probe = torch.FloatTensor(3)
real = [name for name, one in model.named_parameters() if not one.is_meta]
every = sum(1 for _ in model.parameters())
written = [name for name, one in model.named_parameters() if not one.is_meta and one._version]
print(f"torch.FloatTensor(3) under torch.device('meta') is on {probe.device}")
print(f"{len(real)} of {every} parameters are on the CPU: {real[:6]} ...; ever written to: {written}")
assert probe.device.type == "cpu" and len(real) == 19 and every > 19 and not written
EOF
