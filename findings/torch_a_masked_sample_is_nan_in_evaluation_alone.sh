#!/bin/sh
# torch 2.13.0 (CPU): a sample of which src_key_padding_mask hides every place (an empty sentence in a batch, or a mask
# the wrong way round and a sentence without padding) trains: nn.TransformerEncoderLayer gives numbers for it in training
# mode, and in evaluation mode while gradients are on.  Under no_grad in evaluation mode the same layer, with the same
# weights, mask and no dropout, gives NaN for it; inside nn.TransformerEncoder it gives exact zeros instead.
# nn.MultiheadAttention by itself gives 0 with need_weights=False and NaN with need_weights=True, in training mode too.
# So a first NaN in validation, after training without one, may be a mask.  Exits 1 if any of these answers changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from torch import nn

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
encoder = nn.TransformerEncoder(layer, 1)
sentences, hidden = torch.randn(3, 5, 16), torch.zeros(3, 5, dtype=torch.bool)
hidden[0] = True


def answer(module, training, gradients):
    module.train(training)
    with torch.set_grad_enabled(gradients):
        first, *others = module(sentences, src_key_padding_mask=hidden)
    assert all(one.isfinite().all() for one in others)
    return "NaN" if first.isnan().all() else "zeros" if (first == 0).all() else "numbers"


for name, module in (("layer", layer), ("encoder", encoder)):
    seen = [answer(module, *how) for how in ((True, True), (False, True), (False, False))]
    print(f"{name}: training {seen[0]}, evaluation {seen[1]}, evaluation under no_grad {seen[2]}")
    assert seen == ["numbers", "numbers", {"layer": "NaN", "encoder": "zeros"}[name]]
attention = nn.MultiheadAttention(16, 2, batch_first=True)
attention.out_proj.bias.data.zero_()
with_weights, without = (
    attention(sentences, sentences, sentences, key_padding_mask=hidden, need_weights=one)[0][0] for one in (True, False)
)
print(f"attention: need_weights {with_weights[0, 0].item()}, without {without[0, 0].item()}")
assert with_weights.isnan().all() and (without == 0).all()
EOF
