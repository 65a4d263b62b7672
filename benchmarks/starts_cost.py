"""What igt.init_ costs: seconds against LSUV 0.3.0 in the same run, and forward passes, on a plain stack.

python benchmarks/starts_cost.py --depth 100 --width 256 --batch 128,512 --rounds 5
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from starting.competitors import STARTS
from starting.costs import seconds
from starting.plain import stack


def passes(model: nn.Module, inputs: Tensor) -> int:
    """How often init_ runs the model forward."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    first = next(module for module in model.modules() if isinstance(module, nn.Linear))
    handle = first.register_forward_pre_hook(counted)
    STARTS["isogain"](model, inputs, 0)
    handle.remove()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--batch", default="128", help="sizes with commas between")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = partial(stack, "relu", arguments.depth, arguments.width, inputs=arguments.width)
    print(f"forward passes of init_: {passes(model(), torch.randn(8, arguments.width))}")
    for batch in map(int, arguments.batch.split(",")):
        compare(model, torch.randn(batch, arguments.width), arguments.rounds)


def compare(model: Callable[[], nn.Module], inputs: Tensor, rounds: int) -> None:
    """Prints both times and their ratio."""

    def make(seed: int) -> tuple[nn.Module, Tensor]:
        torch.manual_seed(seed)
        return model(), inputs

    took = {start: seconds(start, make, rounds) for start in ("isogain", "LSUV")}
    print(f"batch of {len(inputs)}:")
    for start, times in took.items():
        print(f"  {start:8} median {statistics.median(times[1:]):7.3f} s, first {times[0]:7.3f} s")
    ratio = statistics.median(took["LSUV"][1:]) / statistics.median(took["isogain"][1:])
    print(f"  LSUV takes {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
