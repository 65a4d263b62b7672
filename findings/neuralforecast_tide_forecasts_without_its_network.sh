#!/bin/sh
# neuralforecast 3.3.0: with its default layernorm=True, TiDE's temporal decoder ends in a LayerNorm over one number, the
# forecast of one step (any loss with one output).  A norm over one number gives 0, so encoder and decoders hand on that
# norm's bias alone: the forecast is the linear skip plus a constant, and of the whole network no weight but that bias
# ever gets a gradient other than 0.  Trained for as long as one likes, TiDE is a linear model; nobody is told.
# Seen (default widths): the decoder's result is 0 for every series; 1 of the network's 24 parameters has a gradient
# beyond rounding; with layernorm=False all 18 have one.
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
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import TiDE

logging.disable(logging.INFO)
generator = torch.Generator().manual_seed(0)
past, future = torch.randn(16, 24, 1, generator=generator), torch.randn(16, 8, generator=generator)
window = dict(insample_y=past, insample_mask=torch.ones_like(past), hist_exog=None, futr_exog=None, stat_exog=None)


def learning(model):
    """How many of the network's parameters get a gradient, of how many; and the size of what it adds."""
    seen = []
    model.temporal_decoder.register_forward_hook(lambda module, inputs, output: seen.append(float(output.abs().max())))
    loss = (model(window).reshape(16, 8) - future).square().mean()
    loss.backward()
    network = {n: p.grad for n, p in model.named_parameters() if not n.startswith("global_skip")}
    moved = [n for n, g in network.items() if g is not None and float(g.abs().max()) > 1e-5]
    return moved, len(network), seen[0]


moved, count, largest = learning(TiDE(h=8, input_size=24, loss=MSE()).train())
plain, among, other = learning(TiDE(h=8, input_size=24, loss=MSE(), layernorm=False).train())
print(f"default: the network adds at most {largest:.1e}; {len(moved)} of {count} parameters learn: {moved}")
print(f"layernorm=False: it adds {other:.2f}; {len(plain)} of {among} learn")
assert largest == 0 and moved == ["temporal_decoder.norm.bias"] and count > 15
assert other > 0.01 and len(plain) == among
EOF
