"""`with igt.drawn()` against the library's own constructor, on the host, in one process, turn and turn about.

    python benchmarks/drawn_cost.py [llama|vit-l|googlenet ...] [--rounds N] [--cpu]

Prints the median seconds of each and their ratio, and under them what cannot be spared: the modules alone
(the constructor on meta, every function of torch.nn.init doing nothing) and the numbers alone (memory and
draws, the laws being known).  The Llama has 1.1 billion parameters in float32 (4.4 GiB, built once at a
time); googlenet needs torchvision.  --cpu counts the process's own seconds over all threads and without the
kernel's, for machines that others use as well: what a page of fresh memory costs there depends on them.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

import isogain.torch as igt
from isogain.torch.draw.materialize import places_of, write_all
from isogain.torch.own.start import own_start

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
    from survey import operators  # noqa: F401, I001  (before torchvision is imported by anyone)
    import torchvision

    model: nn.Module = torchvision.models.googlenet(weights=None, init_weights=True)
    return model


MODELS: dict[str, Build] = {"llama": llama, "vit-l": vit_large, "googlenet": googlenet}


def eager(build: Build) -> Callable[[], object]:
    """The library's own constructor."""
    return build


def drawn(build: Build) -> Callable[[], object]:
    """The same laws with isogain's numbers."""

    def run() -> nn.Module:
        with igt.drawn(seed=0):
            return build()

    return run


def modules(build: Build) -> Callable[[], object]:
    """The modules alone, without memory or values."""

    def run() -> nn.Module:
        with torch.device("meta"), _without_init():
            return build()

    return run


@contextmanager
def _without_init() -> Iterator[None]:
    names = [name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]
    before = {name: getattr(nn.init, name) for name in names}
    for name in names:
        setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(nn.init, name, function)


def numbers(build: Build) -> Callable[[], object]:
    """Memory and draws alone: each tensor's law is known, and its draw prepared, before the clock starts."""
    model = igt.deferred(build)
    places = places_of(model)
    start = own_start(places)
    work = [(one, start.write(one.path, 0)) for one in places]
    return lambda: write_all(work, None)


def seconds(
    prepare: Callable[[Build], Callable[[], object]], build: Build, now: Callable[[], float]
) -> float:
    """One run."""
    held.model = None  # type: ignore[attr-defined]
    run = prepare(build)
    gc.collect()
    clock = now()
    run()
    return now() - clock


def own_seconds() -> float:
    """Of all threads, outside of the kernel."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


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
    now = own_seconds if chosen.cpu else time.perf_counter
    for name in chosen.names:
        build = held(MODELS[name])
        igt.deferred(MODELS[name])  # imports
        found: dict[str, list[float]] = {}
        for _ in range(chosen.rounds):
            for prepare in (drawn, eager, modules, numbers):
                found.setdefault(prepare.__name__, []).append(seconds(prepare, build, now))
        middle = {one: statistics.median(each) for one, each in found.items()}
        least = middle["modules"] + middle["numbers"]
        print(
            f"{name:10} own constructor {middle['eager']:.3f} s, drawn {middle['drawn']:.3f} s: "
            f"{middle['eager'] / middle['drawn']:.1f} times; modules alone {middle['modules']:.3f} s, "
            f"numbers alone {middle['numbers']:.3f} s: at most {middle['eager'] / least:.1f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()
