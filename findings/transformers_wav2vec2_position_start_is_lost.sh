#!/bin/sh
# transformers 5.23.0: _init_weights of Wav2Vec2, HuBERT and their kin draws the weight of the positional convolution
# from N(0, 4 / (kernel x channels)).  That weight is under a weight norm, so module.conv.weight is worked out anew each
# time it is read, and the draw goes into a tensor that is thrown away.  The convolution keeps nn.Conv1d's own uniform
# law, and nobody is told.
# Seen (kernel 128, 64 channels, 16 groups): asked for .0221, the weight has .0255, which is Conv1d's, and its largest
# element is Conv1d's bound; a call of the recipe for that module changes no bit of it.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 transformers==5.23.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import math

import torch
from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2Model

for kind, config in ((Wav2Vec2Model, Wav2Vec2Config), (HubertModel, HubertConfig)):
    torch.manual_seed(0)
    model = kind(config(hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64))
    place = model.encoder.pos_conv_embed
    conv, before = place.conv, place.conv.weight.detach().clone()
    asked = 2 * math.sqrt(1 / (conv.kernel_size[0] * conv.in_channels))
    bound = 1 / math.sqrt(before[0].numel())
    with torch.no_grad():
        model._init_weights(place)
    std, largest = float(before.std()), float(before.abs().max())
    print(f"{kind.__name__}: asked for {asked:.4f}, has {std:.4f} (Conv1d: {bound / math.sqrt(3):.4f}); "
          f"largest {largest:.5f}, Conv1d's bound {bound:.5f}")
    assert abs(std / (bound / math.sqrt(3)) - 1) < 0.01 and largest <= bound * 1.0001 and abs(std / asked - 1) > 0.1
    assert torch.equal(before, conv.weight)
EOF
