"""`with igt.drawn()` against the library's own constructor, on the host, in one process, turn and turn about.

    python benchmarks/drawn_cost.py [llama|vit-l|googlenet ...] [--rounds N] [--cpu]

Prints the least seconds of each and their ratio.  The Llama has 1.1 billion parameters in float32 (4.4 GiB,
built once at a time); googlenet needs torchvision.  --cpu counts the process's own seconds over
all threads, for machines that others use as well.
"""

from __future__ import annotations

import argparse
import gc
import time
import warnings
from collections.abc import Callable

from torch import nn

import isogain.torch as igt

Build = Callable[[], nn.Module]


def llama() -> nn.Module:
    """1.1 billion parameters."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=32000, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
            num_attention_heads=32, num_key_value_heads=4,
        )
    )  # fmt: skip


def vit_large() -> nn.Module:
    """304 million parameters."""
    from transformers import ViTConfig, ViTModel

    return ViTModel(
        ViTConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
    )


def googlenet() -> nn.Module:
    """13 million parameters, truncated normals."""
    import torchvision

    model: nn.Module = torchvision.models.googlenet(weights=None, init_weights=True)
    return model


MODELS: dict[str, Build] = {"llama": llama, "vit-l": vit_large, "googlenet": googlenet}


def seconds(build: Build, is_drawn: bool, now: Callable[[], float]) -> float:
    """One build."""
    gc.collect()
    clock = now()
    if is_drawn:
        with igt.drawn(seed=0):
            build()
    else:
        build()
    return now() - clock


def held(build: Build) -> Build:
    """A build whose model is still there when the block ends, as a user's is."""

    def run() -> nn.Module:
        held.model = build()  # type: ignore[attr-defined]
        return held.model  # type: ignore[attr-defined, no-any-return]

    return run


def main() -> None:
    """Prints one line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", action="store_true")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    now = time.process_time if chosen.cpu else time.perf_counter
    for name in chosen.names:
        build = held(MODELS[name])
        igt.deferred(MODELS[name])  # imports
        found: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(chosen.rounds):
            for is_drawn in (True, False):
                held.model = None  # type: ignore[attr-defined]
                found[is_drawn].append(seconds(build, is_drawn, now))
        own, ours = min(found[False]), min(found[True])
        print(
            f"{name:10} own constructor {own:.2f} s, drawn {ours:.2f} s: {own / ours:.1f} times", flush=True
        )


if __name__ == "__main__":
    main()
