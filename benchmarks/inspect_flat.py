"""What an inspection of a small model costs: its multiple of the model's own pass, and ms for each operation.

    python benchmarks/inspect_flat.py [--repeats 5] [--threads 1] [--only NAME] [--floor]

Both sides take turns; each counts by the least processor time of its repeats.  An operation is one that the
recording saw, measured or not; the ms are what an inspection takes beside one plain forward and backward
pass.  Prints the medians of both over all models that are installed; those with findings, whose fixes are
tried on copies, are left out of the medians.  --floor prints, as multiples of the pass, what cannot be spared
while operations are seen by a function mode: one that does nothing, and the recording without a measurement.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

import isogain.torch as igt
from isogain.torch.call.guard import Untouched
from isogain.torch.record.capture import Recorder
from survey import operators  # noqa: F401  (before torchvision is imported by anyone)
from survey.checking import call, own_loss
from survey.models import every

Made = tuple[nn.Module, Any, Callable[[Any], Tensor]]
OTHERS = [
    "timm/test_vit",
    "timm/test_resnet",
    "timm/test_convnext",
    "timm/test_efficientnet",
    "timm/test_mambaout",
    "timm/mobilenetv3_small_050",
    "torchvision/resnet18",
    "torchvision/VisionTransformer",
    "transformers/GPT2",
    "transformers/Llama",
    "transformers/Qwen3",
    "transformers/GPTNeoX",
    "transformers/OPT",
]
"""Of the survey, by name; those of libraries that are not installed are left out."""


class Sequence(nn.Module):
    """Two layers of LSTM between an embedding and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.cell = nn.Embedding(100, 64), nn.LSTM(64, 128, 2, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.cell(self.read(tokens))[0][:, -1])


def classes(count: int) -> Callable[[Tensor], Tensor]:
    """Cross entropy of ten classes."""
    target = torch.randint(0, 10, (count,))
    return lambda output: F.cross_entropy(output, target)


def plain(depth: int = 40) -> Made:
    """Layers of 64 at He's start."""
    layers = [one for _ in range(depth) for one in (nn.Linear(64, 64), nn.ReLU())]
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers, nn.Linear(64, 10)), torch.randn(32, 64), classes(32)


def sequence() -> Made:
    """Sixteen sequences of 32."""
    return Sequence(), torch.randint(0, 100, (16, 32)), classes(16)


def encoder() -> Made:
    """Six layers of width 64, 8 sequences of 16."""
    layers = [nn.TransformerEncoderLayer(64, 4, 256, batch_first=True, norm_first=True) for _ in range(6)]
    loss = classes(8)
    model = nn.Sequential(*layers, nn.LayerNorm(64), nn.Linear(64, 10))
    return model, torch.randn(8, 16, 64), lambda output: loss(output.mean(1))


def made(only: str) -> Iterator[tuple[str, Made]]:
    """Our own models and the survey's, by name."""
    for name, make in {"MLP of 40": plain, "LSTM": sequence, "encoder": encoder}.items():
        if only in name:
            yield name, make()
    for model in (every()[name] for name in OTHERS if only in name and name in every()):
        if model.version is not None:
            given, loss = model.task(0)
            yield model.name, (model.build().train(), given, loss or own_loss)


def least(repeats: int, *runs: Callable[[], Any]) -> list[float]:
    """The least processor time of each; they take turns."""
    found = [[_taken(run) for run in runs] for _ in range(repeats)]
    return [min(column) for column in zip(*found, strict=True)]


def _taken(run: Callable[[], Any]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def measured(one: Made, repeats: int) -> tuple[float, float, int, bool]:
    """Seconds of a pass and of an inspection, operations, whether anything is found."""
    model, given, loss = one
    trainable = [p for p in model.parameters() if p.requires_grad]
    report = igt.inspect(model, given, loss)  # what is worked out once for all is not what is measured
    own, ours = least(
        repeats,
        lambda: torch.autograd.grad(loss(call(model, given)), trainable, allow_unused=True),
        lambda: igt.inspect(model, given, loss),
    )
    return own, ours, report.coverage.operations, bool(report.findings)


class Empty(TorchFunctionMode):
    """Sees every operation and does nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def floor(one: Made, repeats: int) -> tuple[float, float, float]:
    """Multiples of a pass: under a mode that does nothing, recorded but not measured, inspected."""
    model, given, loss = one
    trainable = [p for p in model.parameters() if p.requires_grad]

    def watched(mode: Any) -> None:
        with mode:
            value = loss(call(model, given))
        torch.autograd.grad(value, trainable, allow_unused=True)

    def recorded() -> None:
        with Untouched(model) as guard:
            recorder = Recorder(model, guard, 0, measure=False)
            recorder.mark_inputs(given)
            with recorder.scopes():
                watched(recorder)
            recorder.graph(())

    own, empty, seen, whole = least(
        repeats,
        lambda: watched(nullcontext()),
        lambda: watched(Empty()),
        recorded,
        lambda: igt.inspect(model, given, loss),
    )
    return empty / own, seen / own, whole / own


def print_floors(only: str, repeats: int) -> None:
    """A line for each model, and the medians."""
    found = []
    print(f"{'model':32} {'empty mode':>10} {'recorded':>9} {'inspected':>10}")
    for name, one in made(only):
        found.append(floor(one, repeats))
        print(f"{name:32} {found[-1][0]:9.2f}x {found[-1][1]:8.2f}x {found[-1][2]:9.2f}x", flush=True)
    middle = [median(column) for column in zip(*found, strict=True)]
    print("medians: " + ", ".join(f"{one:.2f}x" for one in middle))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of a model's name")
    parser.add_argument("--floor", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore")
    if options.floor:
        print_floors(options.only, options.repeats)
        return
    counted = []
    print(f"{'model':32} {'pass ms':>9} {'inspect':>9} {'operations':>11} {'ms each':>8}")
    for name, one in made(options.only):
        own, ours, operations, found = measured(one, options.repeats)
        flat = 1e3 * (ours - own) / operations
        print(f"{name:32} {1e3 * own:9.2f} {ours / own:8.2f}x {operations:11} {flat:8.3f}"
              + ("  has findings" if found else ""), flush=True)  # fmt: skip
        counted += [] if found else [(ours / own, flat)]
    ratios, flats = zip(*counted, strict=True)
    print(f"median of {len(counted)}: {median(ratios):.2f}x, {median(flats):.3f} ms for each operation")


if __name__ == "__main__":
    main()
