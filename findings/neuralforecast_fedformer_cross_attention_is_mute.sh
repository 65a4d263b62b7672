#!/bin/sh
# neuralforecast 3.3.0: FEDformer's cross attention scales its result by 1 / (in x out) twice, once in its weights and
# once in forward.  At the start what the decoder hears of the encoder is seven decades below its keys, so what comes out
# is the projection's bias, the same for all series, and the queries' gradients are five decades below the next layer's.
# The value projections of all its attentions are computed and never read: they have no gradient at all.
# Seen (default widths): keys of size .46, result of size 3e-8; behind the projection, .05, series differ by 2e-8.
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
from neuralforecast.models import FEDformer

logging.disable(logging.INFO)
model = FEDformer(h=8, input_size=24, loss=MSE()).train()
generator = torch.Generator().manual_seed(0)
past, future = torch.randn(16, 24, 1, generator=generator), torch.randn(16, 8, 1, generator=generator)
attention, seen = model.decoder.layers[0].cross_attention, {}


def note(name):
    def hook(module, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        seen[name] = (float(output.detach().abs().mean()), float(output.detach().std(0).mean()))

    return hook


for name in ("key_projection", "inner_correlation", "out_projection"):
    getattr(attention, name).register_forward_hook(note(name))
window = dict(insample_y=past, insample_mask=torch.ones_like(past), hist_exog=None, futr_exog=None, stat_exog=None)
out = model(window)
(out.reshape(16, -1)[:, -8:] - future[:, :, 0]).square().mean().backward()
for name, (size, spread) in seen.items():
    print(f"{name}: mean size {size:.1e}, deviation between series {spread:.1e}")
grad = {n: None if p.grad is None else float(p.grad.abs().mean()) for n, p in model.named_parameters() if n.endswith("weight")}
queries = grad["decoder.layers.0.cross_attention.query_projection.weight"]
conv = grad["decoder.layers.0.conv1.weight"]
unread = [n for n in grad if "value_projection" in n and grad[n] is None]
print(f"gradient: queries {queries:.1e}, the decoder's next layer {conv:.1e}; without any: {unread}")
assert seen["inner_correlation"][0] < 1e-4 * seen["key_projection"][0]
assert seen["out_projection"][1] < 1e-4 * seen["out_projection"][0]
assert queries < 1e-3 * conv and len(unread) >= 2
EOF
