"""The kernel compiled for GPUs without one: every float operation is a rounded one, none is fused but the written.

In a fresh process, since Triton compiles or interprets from its first import on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

PROGRAM = """
import re, sys
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from isogain.drawing.recipe import Kind
from isogain.torch.device import kernels, launch

def assembly(kind, element, target):
    constants = {"KIND": int(kind), "BLOCKS": launch.BLOCKS, "ALIGNED": True, "SINGLE": True}
    number = "i64" if element == "fp64" else "fp32"
    types = {"out": "*" + element, "table": "*fp32"} | {f"n{k}": number for k in range(9)}
    names = kernels.draw.arg_names
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in names}
    values = {(names.index(name),): value for name, value in constants.items()}
    lined_up = {(place,): [["tt.divisibility", 16]] for place in (0, 1)}
    source = ASTSource(kernels.draw, signature, values, lined_up)
    return compile(source, target=GPUTarget(*target), options=dict(launch.OPTIONS)).asm

for kind, element in ((Kind.NORMAL, "fp32"), (Kind.TRUNCATED_BY_UNIFORM, "fp64")):
    ptx = assembly(kind, element, ("cuda", 90, 32))["ptx"]
    for operation in sorted(set(re.findall(r"\\b[a-z]+[a-z0-9.]*\\.f(?:16|32|64)(?:x2)?\\b", ptx))):
        print(element, operation)
    print(element, "stores", sorted(set(re.findall(r"st\\.global\\S*", ptx))))
"""
ROUNDED = {"add", "sub", "mul", "fma", "div", "sqrt", "cvt"}


def test_every_operation_is_rounded_to_nearest_and_none_contracted(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment = clean | {"TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    operations = {(element, what) for element, what in lines if not what.startswith("stores")}
    assert {
        ("fp32", "fma.rn.f32"),
        ("fp32", "div.rn.f32"),
        ("fp32", "sqrt.rn.f32"),
        ("fp64", "div.rn.f64"),
    } <= operations
    for element, operation in operations:
        name, *modes = operation.split(".")
        assert name not in ROUNDED or "rn" in modes, operation
        assert not {"approx", "full", "ftz", "sat"} & set(modes), operation
        assert element != "fp64" or name != "fma", operation
    assert ["fp32", "stores ['st.global.v4.b32']"] in lines, "sixteen bytes a thread"
