#!/bin/sh
# thinc 9.1.1 (the layers of spaCy): normal_init(ops, shape, *, mean=0) hands its argument `mean` to NumPy as the
# *standard deviation* and leaves the mean at 0.  Called as it stands it gives zeros, so a Linear layer made with it (or
# with "normal_init.v1" in a config) maps every input to 0 and a stack of them never learns; mean=5 gives N(0, 25).
# Seen: 256,000 zeros by default; mean 0.0 and deviation 5.0 for mean=5; the gradient of the first of two layers is 0.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q thinc==9.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from thinc.api import Linear, NumpyOps, chain
from thinc.initializers import normal_init

np.random.seed(0)
ops = NumpyOps()
plain, shifted = normal_init(ops, (640, 400)), normal_init(ops, (640, 400), mean=5.0)
print(f"normal_init(): {int((plain == 0).sum())} of {plain.size} weights are 0")
print(f"normal_init(mean=5): mean {shifted.mean():.3f}, deviation {shifted.std():.3f}")
model = chain(Linear(16, init_W=normal_init), Linear(4, init_W=normal_init))
x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
model.initialize(X=x, Y=np.zeros((32, 4), "float32"))
out, back = model.begin_update(x)
back(np.ones_like(out))
first = model.layers[0].get_grad("W")
print(f"two layers: outputs {np.abs(out).max()}, gradient of the first weight {np.abs(first).max()}")
assert not plain.any() and abs(shifted.mean()) < 0.1 and abs(shifted.std() - 5) < 0.1
assert not out.any() and not first.any()
EOF
