"""A plan, and what `init_` makes of it, is the same whatever instructions the processor has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

SCRIPT = """
import hashlib
import torch
from torch import nn
import isogain.torch as igt

def stack(kind, depth=20):
    layers = [one for _ in range(depth) for one in (nn.Linear(64, 64), kind())]
    return nn.Sequential(*layers, nn.Linear(64, 10)), torch.randn(64, 64)

def encoder():
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2), torch.randn(8, 6, 32)

torch.manual_seed(0)
torch.set_num_threads(1)
for make in (lambda: stack(nn.Tanh, 49), lambda: stack(nn.GELU), lambda: stack(nn.Sigmoid, 3), encoder):
    model, x = make()
    receipt = igt.init_(model, x, seed=0, keep_healthy=False)
    drawn = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    print(receipt.plan.hash, hashlib.sha256(drawn).hexdigest()[:16])
"""
PLAIN = "X86_V3 X86_V4 AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
"""NumPy's names of instructions; those that a build does not know are warned of, and do no harm."""


def starts(**settings: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, **settings}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split("\n")


def test_fewer_instructions_give_the_same_start():
    """NumPy's functions without AVX end in other digits, and so do the sums of torch."""
    assert starts() == starts(NPY_DISABLE_CPU_FEATURES=PLAIN, ATEN_CPU_CAPABILITY="default")
