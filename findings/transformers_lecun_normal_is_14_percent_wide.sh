#!/bin/sh
# transformers 5.23.0: initialization.lecun_normal_, which SigLIP's and other models' own starts call, divides the deviation
# by .8796, what is left of a normal law that is cut at two deviations, but does not cut: the bounds that it hands on to
# torch.nn.init.trunc_normal_ are -2 and 2 as weights, not as deviations.  The weights are 13.7 % wider than LeCun's law
# (variance 1.29 / fan_in) and reach beyond four deviations.  4.57.1 cut, and delivered 1 / fan_in.
# Seen: deviation times sqrt(fan_in) 1.137 and largest weight 4.5 deviations in 196,608 weights of SigLIP's patches,
# where Keras' and JAX' law of that name has 1.000 and 2.27.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 transformers==5.23.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from transformers import SiglipVisionConfig, SiglipVisionModel
from transformers.initialization import lecun_normal_

torch.manual_seed(0)
model = SiglipVisionModel(SiglipVisionConfig(hidden_size=256, num_hidden_layers=1, num_attention_heads=4,
                                             intermediate_size=512, image_size=32, patch_size=16))
(patches,) = [one.detach() for name, one in model.named_parameters() if name.endswith("patch_embedding.weight")]
plain = lecun_normal_(torch.empty(512, 768))
for name, weight in (("SigLIP's patches", patches), ("lecun_normal_", plain)):
    fan_in = weight[0].numel()
    wide, far = float(weight.std()) * fan_in**0.5, float(weight.abs().max() / weight.std())
    print(f"{name}: deviation {wide:.4f} / sqrt(fan_in), largest weight {far:.2f} deviations")
    assert 1.12 < wide < 1.16 and far > 3
EOF
