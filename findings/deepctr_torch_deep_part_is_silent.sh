#!/bin/sh
# deepctr-torch 0.3.0: init_std=0.0001, described as the deviation of the embeddings, is also that of every weight of the
# deep part.  With its default of two layers (256, 128) the deep half of DeepFM says the same of every sample, and its
# first layer has next to no gradient.
# Seen: weights of deviation 1.0e-4; deep features that differ by 3e-7 between samples whose inputs differ by 1; gradients
# of 7e-7 at the first layer, 5e-4 behind the last, 2e-2 in the linear half.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 deepctr-torch==0.3.0 requests==2.34.2
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from deepctr_torch.inputs import DenseFeat
from deepctr_torch.models import DeepFM

columns = [DenseFeat(f"x{k}", 1) for k in range(32)]
model = DeepFM(columns, columns, task="binary", use_fm=False)
x = torch.randn(512, 32, generator=torch.Generator().manual_seed(0))
weights = [p for n, p in model.dnn.named_parameters() if n.endswith("weight")]
deviations = [float(w.detach().std()) for w in weights]
deep = model.dnn(x)
label = (x[:, :1] * x[:, 1:2] > 0).float()
torch.nn.functional.binary_cross_entropy(model(x), label).backward()
first, head = (float(p.grad.square().mean().sqrt()) for p in (weights[0], model.dnn_linear.weight))
spread = float(deep.detach().std(0).mean())
print("deviation of the deep part's weights", [f"{d:.2e}" for d in deviations])
print(f"deviation between samples: inputs {float(x.std(0).mean()):.2f}, deep features {spread:.1e}")
print(f"gradient of its first weight {first:.1e}, of the weight behind it {head:.1e}, of the linear part "
      f"{float(model.linear_model.weight.grad.square().mean().sqrt()):.1e}")
assert all(0.9e-4 < d < 1.1e-4 for d in deviations)
assert spread < 1e-5 and first < 0.01 * head
EOF
