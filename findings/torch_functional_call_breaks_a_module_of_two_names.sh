#!/bin/sh
# torch 2.13.0: torch.func.functional_call of a module in which one layer has two names, on the names that
# named_parameters gives, does not put the layer's parameters back: it ties both names, swaps the same attribute twice
# and restores what the second swap found, the value that was put in.  Under vmap that is a batched tensor that has
# escaped, and the module cannot be called any more.  With tie_weights=False the parameters are put back.
# Seen: the weight is no Parameter afterwards but the given tensor; after vmap the module's own call raises RuntimeError.
# Exits 1 if that is no longer so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import torch
from torch import nn
from torch.func import functional_call, vmap


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = self.first

    def forward(self, x):
        return self.second(self.first(x))


def kept(**how):
    model = Twice()
    own, given = model.first.weight, {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    functional_call(model, given, (torch.ones(4, 3),), **how)
    return model.first.weight is own, model.first.weight is given["first.weight"]


assert kept() == (False, True), kept()
assert kept(tie_weights=False) == (True, False)
model = Twice()
stacked = {name: torch.stack([p.detach(), p.detach()]) for name, p in model.named_parameters()}
vmap(lambda parameters, x: functional_call(model, parameters, (x,)))(stacked, torch.ones(2, 4, 3))
try:
    model(torch.ones(4, 3))
    raise SystemExit("the module can be called again")
except RuntimeError as error:
    print(f"after functional_call the weight is the tensor that was given; after vmap: {str(error)[:70]}")
EOF
