"""Check the bits drawn on a GPU against the host's, then measure against PyTorch's own draws there.

    python benchmarks/device.py            bits, table, sizes of the launch: below four minutes
    python benchmarks/device.py bits       one part of them

Needs PyTorch with a GPU and Triton, which comes with it; isogain from this repository, built in place here
where there is a compiler.  Each ratio is of one run: the two sides take turns, and the medians are compared.
Without a GPU the bits are checked in Triton's interpreter, on a few hundred values.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
HAS_GPU = torch.cuda.is_available()
if not HAS_GPU:
    os.environ.setdefault("TRITON_INTERPRET", "1")
if not list((ROOT / "src/isogain/drawing").glob("_native*")):
    build = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    if subprocess.run(build, cwd=ROOT, capture_output=True, check=False).returncode:
        print("the C kernel could not be built: the host's side is NumPy")
if not list((ROOT / "src/isogain/drawing").glob("_native*")):
    os.environ["ISOGAIN_ISA"] = "numpy"

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.core.values.distributions import Law, NormalLaw, TruncatedNormalLaw, UniformLaw  # noqa: E402
from isogain.drawing import Key, engine  # noqa: E402
from isogain.drawing.dtypes import Dtype  # noqa: E402
from isogain.drawing.recipe import recipe_for  # noqa: E402
from isogain.drawing.regions import Region  # noqa: E402
from isogain.torch.device.host import as_array  # noqa: E402

NORMAL, CUT, SKEW = NormalLaw(0, 1), TruncatedNormalLaw(0, 1, -2, 2), TruncatedNormalLaw(0, 1, -1, 2)
LAWS = (
    *(NORMAL, NormalLaw(0.3, 0.02), UniformLaw(0, 1), UniformLaw(-0.05, 0.05), CUT, SKEW),
    *(
        TruncatedNormalLaw(0, 1, -9, 9),
        TruncatedNormalLaw(0, 1, 3, 4),
        TruncatedNormalLaw(1, 2, -np.inf, -15),
    ),
)
"""Together they take every way through the kernel."""
DTYPES = ("float32", "float64", "float16", "bfloat16")
COUNT = 1 << 28
TURNS = 7
SIZES = (
    (32, 1, 0),
    (64, 1, 0),
    (128, 1, 0),
    (128, 1, 96),
    (128, 1, 64),
    (256, 1, 0),
    (128, 4, 0),
    (512, 4, 0),
)
"""(Philox blocks of a chunk, warps, registers of a thread)."""
KEY = Key.of(0, "w")
Task = Callable[[], Any]


def agree(law: Law, dtype: str, region: Region, part: tuple[slice, ...] | None = None) -> bool:
    """Whether the device's kernel draws the host's bits in the region (or a part of it, looked at alone)."""
    from isogain.torch.device import launch

    target = Dtype.of(dtype)
    recipe = recipe_for(law, target)
    device = "cuda" if HAS_GPU else "cpu"
    out = torch.empty(region.shape, dtype=getattr(torch, dtype), device=device)
    launch.fill(out, KEY, recipe, region)
    looked_at = region if part is None else Region.of(region.whole, part)
    expected = np.empty(looked_at.shape, target.storage)
    engine.fill(expected, KEY, recipe, looked_at, engine.thread_count(None))
    found = out[looked_at.relative_to(region)].contiguous().cpu()
    return as_array(found).tobytes() == expected.tobytes()


def bits() -> None:
    """Every law and dtype; columns, boxes, carries; and past 2^32 elements."""
    rows = 700 if HAS_GPU else 2
    wide = Region.of(
        (2**24, 1500), (slice(2**23 + 5, 2**23 + 5 + rows), slice(33, 33 + (1400 if HAS_GPU else 60)))
    )
    wrong = [f"{law} {dtype}" for law in LAWS for dtype in DTYPES if not agree(law, dtype, wide)]
    all_of_them = len(LAWS) * len(DTYPES)
    print(f"bits: {all_of_them - len(wrong)} of {all_of_them} laws and dtypes agree", *wrong)
    last = 2**20 if HAS_GPU else 300
    boxes = {
        "a whole": Region.of((64 * rows,)),
        "the carry at 2^34": Region.of((2**40,), slice(2**34 - last, 2**34 + last)),
        "three axes, two cut": Region.of((9, 50, 301), (slice(2, 4), slice(1, 1 + rows // 2), slice(3, 50))),
    }
    for name, region in boxes.items():
        print(f"bits: {name}: {'agree' if agree(NORMAL, 'float32', region) else 'WRONG'}")
    own_start()
    if HAS_GPU:
        many = 2**32 + 2**20
        same = agree(NORMAL, "bfloat16", Region.of((many,)), (slice(many - 2**21, many),))
        print(f"bits: the last of {many} bfloat16 values: {'agree' if same else 'WRONG'}")
        found, host = (
            igt.fill_(torch.empty(1200, 1000, device=d), "orthogonal", seed=0) for d in ("cuda", "cpu")
        )
        difference = float((found.cpu() - host).abs().max())
        print(f"orthogonal 1200 x 1000: differs from the host's by {difference:.1e} at most")


def seconds(task: Task, repeat: int) -> float:
    """Of one call, by the device's clock, over several that follow one another."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(repeat):
        task()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000 / repeat


def compare(name: str, ours: Task, theirs: Task, count: int = 0, repeat: int = 5) -> None:
    """One row: both sides, in turns."""
    ours(), theirs()
    pairs = [(seconds(ours, repeat), seconds(theirs, repeat)) for _ in range(TURNS)]
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    rate = f"{count / mine / 1e9:6.0f} G/s against {count / other / 1e9:6.0f}" if count else ""
    print(
        f"{name:66} {other / mine:6.2f} x   {mine * 1e3:9.3f} ms against {other * 1e3:9.3f}   {rate}",
        flush=True,
    )


def table() -> None:
    """The ratios to PyTorch."""
    for dtype in (torch.float32, torch.bfloat16):
        laws(torch.empty(COUNT, device="cuda", dtype=dtype), str(dtype).removeprefix("torch."))
    double = torch.empty(COUNT >> 2, device="cuda", dtype=torch.float64)
    compare("normal float64", filling(double, NORMAL), double.normal_, COUNT >> 2)
    shard = torch.empty(COUNT >> 3, device="cuda").view(8192, -1)
    box = Region.of((8192, 8 * shard.shape[1]), (slice(None), slice(shard.shape[1], 2 * shard.shape[1])))
    compare("normal float32, an eighth of all columns", in_box(shard, box), shard.normal_, COUNT >> 3)
    for size in (2048, 4096):
        orthogonal(torch.empty(size, size, device="cuda"))
    name = "a Llama of 6.7 G parameters, bfloat16"
    compare(f"{name}, chosen", chosen_llama, torchs_llama, repeat=1)
    compare(f"{name}, deferred and its own start", own_llama, torchs_llama, repeat=1)


def laws(w: torch.Tensor, name: str) -> None:
    """The rows of one dtype; the last is how far from memory's own speed torch is."""
    compare(f"normal {name}", filling(w, NORMAL), w.normal_, COUNT)
    compare(f"truncated {name}", filling(w, CUT), lambda: nn.init.trunc_normal_(w), COUNT)
    compare(f"truncated at -1 and 2, {name}", filling(w, SKEW), lambda: nn.init.trunc_normal_(w, a=-1), COUNT)
    compare(f"uniform {name}", filling(w, UniformLaw(0, 1)), w.uniform_, COUNT)
    compare(f"torch fill_ {name} against its normal_", lambda: w.fill_(1.0), w.normal_, COUNT)


def orthogonal(q: torch.Tensor) -> None:
    """Time and error of a square matrix."""
    one = torch.eye(len(q), device="cuda", dtype=torch.float64)
    makers = lambda: igt.fill_(q, "orthogonal", seed=0), lambda: nn.init.orthogonal_(q)
    compare(f"orthogonal {len(q)}", *makers, repeat=1)
    errors = [
        float((made.double().T @ made.double() - one).abs().max()) for made in (make() for make in makers)
    ]
    print(f"    largest error of Q^T Q: {errors[0]:.1e} against {errors[1]:.1e}")


def filling(tensor: torch.Tensor, law: Law) -> Task:
    return lambda: igt.fill_(tensor, law, seed=0, path="w")


def in_box(tensor: torch.Tensor, region: Region) -> Task:
    from isogain.torch.device import launch

    recipe = recipe_for(NORMAL, Dtype.of("float32"))
    return lambda: launch.fill(tensor, KEY, recipe, region)


class Block(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias=False)
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)


class Llama(nn.Module):
    """The parameters of Llama-7B."""

    def __init__(self, width: int = 4096, inner: int = 11008, depth: int = 32, words: int = 32000) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.blocks = nn.ModuleList(Block(width, inner) for _ in range(depth))
        self.norm, self.head = nn.RMSNorm(width), nn.Linear(width, words, bias=False)


def built(device: str, **sizes: int) -> Llama:
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            return Llama(**sizes)
    finally:
        torch.set_default_dtype(torch.float32)


def started(device: str, **sizes: int) -> Llama:
    """As libraries do: the layers' own start, then the model's over it."""
    model = built(device, **sizes)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
    return model


def chosen_llama() -> None:
    igt.materialize_(built("meta"), {"*norm*": 1.0, "*": ig.Normal(std=0.02)}, seed=0, device="cuda")


def own_llama() -> None:
    igt.materialize_(igt.deferred(lambda: started("cpu")), seed=0, device="cuda")


def torchs_llama() -> None:
    started("cuda")


def own_start() -> None:
    """A small one, recorded: the device's bits are the host's, and of the law that was asked for."""
    small = {"width": 64, "inner": 96, "depth": 2, "words": 128}
    devices = ("cuda", "cpu") if HAS_GPU else ("cpu", "cpu")
    pair = [
        igt.materialize_(igt.deferred(lambda: started("cpu", **small)), seed=0, device=device).cpu()
        for device in devices
    ]
    same = all(map(torch.equal, *(one.parameters() for one in pair)))
    spread = float(pair[0].head.weight.detach().float().std())
    is_well = same and abs(spread / 0.02 - 1) < 5 / (2 * pair[0].head.weight.numel()) ** 0.5
    print(f"own start of a small Llama: {'agrees' if is_well else 'WRONG'}")


def sizes() -> None:
    """Values a second for other chunks, warps and limits of registers: what `launch` should hold."""
    from isogain.torch.device import launch

    before = launch.BLOCKS, launch.OPTIONS
    for dtype in (torch.float32, torch.bfloat16):
        task = filling(torch.empty(COUNT, device="cuda", dtype=dtype), NORMAL)
        for blocks, warps, registers in SIZES:
            limit = {"maxnreg": registers} if registers else {}
            launch.BLOCKS, launch.OPTIONS = blocks, {**before[1], "num_warps": warps, **limit}  # type: ignore[misc]
            task()
            rate = COUNT / statistics.median(seconds(task, 5) for _ in range(TURNS)) / 1e9
            name = f"{blocks} blocks on {warps} warps, {registers or 'any'} registers, {str(dtype)[6:]}"
            print(f"{name:55} {rate:6.0f} G/s", flush=True)
    launch.BLOCKS, launch.OPTIONS = before  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", choices=("bits", "table", "sizes", []), help="all where none is named"
    )
    parts = parser.parse_args().parts or ["bits", "table", "sizes"]
    warnings.simplefilter("always", RuntimeWarning)
    if not HAS_GPU:
        without_a_device()
        return
    import triton

    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}")
    for part in (bits, table, sizes):
        if part.__name__ in parts:
            part()


def without_a_device() -> None:
    print("There is no GPU here: nothing can be measured.")
    try:
        import triton
    except ImportError:
        print("Triton is not installed either: nothing can be checked.  pip install triton")
        return
    print(f"The bits, in the interpreter of triton {triton.__version__}:")
    bits()


if __name__ == "__main__":
    main()
