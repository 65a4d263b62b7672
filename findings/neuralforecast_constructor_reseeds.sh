#!/bin/sh
# neuralforecast 3.3.0: constructing any of its networks sets the random state of torch, NumPy and Python to
# random_seed, 1 by default.  torch.manual_seed before the constructor has no effect on the weights, two networks of an
# "ensemble" are one network twice, and whatever else the program draws afterwards starts anew from 1.
# Seen: equal weights under manual_seed(0) and manual_seed(123); equal draws of torch and NumPy behind both.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 neuralforecast==3.3.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import logging

import numpy as np
import torch
from neuralforecast.models import MLP

logging.disable(logging.INFO)


def made(seed):
    torch.manual_seed(seed)
    np.random.seed(seed)
    model = MLP(h=4, input_size=8, hidden_size=16)
    return [p.detach().clone() for p in model.parameters()], torch.rand(3), np.random.rand(3)


(first, torch_first, numpy_first), (second, torch_second, numpy_second) = made(0), made(123)
same = all(torch.equal(a, b) for a, b in zip(first, second))
print(f"weights equal under seeds 0 and 123: {same}")
print(f"what torch draws next: {torch_first.tolist()}, {torch_second.tolist()}")
print(f"what NumPy draws next: {numpy_first.tolist()}, {numpy_second.tolist()}")
assert same and torch.equal(torch_first, torch_second) and np.array_equal(numpy_first, numpy_second)
EOF
