#!/bin/sh
# neuralforecast 3.3.0: with a loss of one number a step (MAE, its default, or MSE) TiDE's temporal decoder ends in a
# LayerNorm of ONE unit (layernorm=True is the default), whose output is its bias whatever comes in.  Encoder, decoder and
# temporal decoder never get a gradient: all that learns is the linear map from past to future, and one bias.
# Seen: gradient 0, or a rounding error below 1e-5, in 23 of 26 parameters, all but global_skip's and the norm's bias;
# the forecast less the skip's is the same number for each series and step, also after 50 steps of Adam.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 neuralforecast==3.3.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import logging

import torch
from neuralforecast.models import TiDE

logging.disable(logging.INFO)
model = TiDE(h=8, input_size=24, dropout=0.0).train()
generator = torch.Generator().manual_seed(0)
past, future = torch.randn(32, 24, 1, generator=generator), torch.randn(32, 8, generator=generator)
window = dict(insample_y=past, insample_mask=torch.ones_like(past), hist_exog=None, futr_exog=None, stat_exog=None)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for step in range(50):
    optimizer.zero_grad()
    loss = (model(window).reshape(32, 8) - future).square().mean()
    loss.backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or float(p.grad.abs().max()) < 1e-5]
    if step in (0, 49):
        alive = [n for n, p in model.named_parameters() if n not in dead]
        print(f"step {step}: loss {float(loss):.3f}; gradient below 1e-5 in {len(dead)} of {len(dead) + len(alive)}; alive: {alive}")
        assert all(n.startswith(("global_skip", "temporal_decoder.norm")) for n in alive)
    optimizer.step()
with torch.no_grad():
    rest = model(window).reshape(32, 8) - model.global_skip(past[:, :, 0])
print(f"forecast less the skip's: from {float(rest.min()):.5f} to {float(rest.max()):.5f}")
assert float(rest.max() - rest.min()) < 1e-4
EOF
