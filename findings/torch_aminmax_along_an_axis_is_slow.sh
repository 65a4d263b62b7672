#!/bin/sh
# torch 2.13.0 (CPU): torch.aminmax is there to take least and largest in one look.  Over a whole tensor it is about as
# fast as amin and amax one after the other; along the first axis of a matrix it takes some ten times as long as both
# together, for the same numbers.
# Seen, one thread, 256 x 1024 float32, medians: whole 0.8 to 1.4 times, along axis 0 from 5 (busy machine) to 11 times.
# Exits 1 if along axis 0 it takes less than 3 times as long.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'EOF'
import time
from statistics import median

import torch

torch.set_num_threads(1)
x = torch.randn(256, 1024, generator=torch.Generator().manual_seed(0))


def seconds(*runs, repeats=101):
    taken = [[] for _ in runs]
    for _ in range(repeats):
        for run, column in zip(runs, taken):
            begun = time.perf_counter()
            run()
            column.append(time.perf_counter() - begun)
    return [median(column) for column in taken]


low, high = torch.aminmax(x, dim=0)
assert torch.equal(low, x.amin(0)) and torch.equal(high, x.amax(0))
whole, two = seconds(lambda: torch.aminmax(x), lambda: (x.amin(), x.amax()))
along, each = seconds(lambda: torch.aminmax(x, dim=0), lambda: (x.amin(0), x.amax(0)))
print(f"aminmax over amin and amax: whole {whole / two:.1f} times, along axis 0 {along / each:.1f} times")
assert along > 3 * each
EOF
