"""Does the middle of `rate_range` train as well as the best of a fine grid?

    python benchmarks/rates.py                     # every task whose result is not stored
    python benchmarks/rates.py --only relu-40/sgd  # some of them
    python benchmarks/rates.py --page              # the table of docs/plan.md

A task is a model, its start and an optimizer. It is trained for 200 updates at rates three to a decade,
outwards from one in the midst until the score falls below nine tenths of the best, and at the middle of the
range that is measured on one batch. Scores are test accuracy, for text the inverse of the loss. A coin
split the tasks before any result was seen: the two constants of `isogain.theory.rates` were chosen on one
half.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

import isogain.torch as igt
from starting import modern, plain, tasks
from starting.tasks import Task

STORED = Path(__file__).resolve().parent / "rates.jsonl"
UPDATES, THIRDS = 200, 3
MIDST = {"sgd": -4, "momentum": -7, "adamw": -8}
"""Where the grid begins, in thirds of a decade."""


class Net(NamedTuple):
    """A model, what it learns, whether init_ starts it, and its batch."""

    make: Callable[[], nn.Module]
    task: Callable[[], Task]
    drawn: bool
    batch: int = 64


def cnn(normed: bool = False, channels: int = 16) -> nn.Sequential:
    """Six convolutions on 8 x 8 maps."""
    layers: list[nn.Module] = []
    for index in range(6):
        stride = 2 if index in (2, 4) else 1
        layers.append(nn.Conv2d(channels if index else 1, channels, 3, stride, padding=1))
        layers += [nn.BatchNorm2d(channels)] if normed else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 4, 10))


def _stack(activation: str, depth: int, drawn: bool = True) -> Net:
    return Net(partial(plain.stack, activation, depth, 64), tasks.digits, drawn)


def _characters(norm: modern.Norm, drawn: bool) -> Net:
    return Net(lambda: modern.CharacterModel(tasks.alphabet_size(), norm, 4), tasks.text, drawn, 16)


NETS = {
    **{f"{name}-{depth}": _stack(name, depth) for name, depth in (
        ("relu", 5), ("relu", 20), ("relu", 40), ("relu", 100), ("tanh", 5), ("tanh", 40), ("gelu", 20),
        ("gelu", 100))},
    "own-relu-5": _stack("relu", 5, False),
    "cnn": Net(cnn, tasks.digit_images, True),
    "own-cnn-bn": Net(partial(cnn, True), tasks.digit_images, False),
    "residual-20": Net(partial(plain.ResidualStack, 20, 64), tasks.digits, True),
    "own-mixer": Net(modern.Mixer, tasks.digit_images, False),
    "transformer-pre": _characters("pre", False),
    "transformer-none": _characters("none", True),
}  # fmt: skip
ASKED = {
    "momentum": "relu-5 relu-20 relu-40 relu-100 tanh-40 gelu-20 own-cnn-bn residual-20",
    "adamw": "relu-5 relu-40 tanh-40 tanh-5 gelu-100 own-relu-5 cnn own-mixer transformer-pre "
    "transformer-none",
    "sgd": "relu-40 tanh-5 cnn",
}


def halves() -> tuple[list[str], list[str]]:
    """The tasks that constants were chosen on, and those that are reported alone."""
    found = sorted((net, kind) for kind, nets in ASKED.items() for net in nets.split())
    random.Random(14).shuffle(found)
    named = ["/".join(one) for one in found]
    return named[:10], named[10:]


def fresh(net: Net) -> nn.Module:
    """The model at its start."""
    torch.manual_seed(0)
    model = net.make()
    if net.drawn:
        igt.init_(model, _batch(net)[0], keep_healthy=False)
    return model


def _batch(net: Net) -> tuple[torch.Tensor, torch.Tensor]:
    task = net.task()
    order = torch.randperm(len(task.inputs), generator=torch.Generator().manual_seed(5))[: net.batch]
    return task.inputs[order], task.targets[order]


def score(net: Net, model: nn.Module, kind: str, rate: float, updates: int) -> float:
    """After training a copy; 0 where the loss left the numbers."""
    model, task = copy.deepcopy(model), net.task()
    parameters = list(model.parameters())
    step: torch.optim.Optimizer = (
        torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01) if kind == "adamw"
        else torch.optim.SGD(parameters, lr=rate, momentum=0.9 if kind == "momentum" else 0.0)
    )  # fmt: skip
    generator = torch.Generator().manual_seed(1000)
    for _ in range(updates):
        chosen = torch.randint(len(task.inputs), (net.batch,), generator=generator)
        loss = task.loss(model(task.inputs[chosen]), task.targets[chosen])
        if not math.isfinite(loss.item()):
            return 0.0
        step.zero_grad()
        loss.backward()
        step.step()
    return _score(task, model)


@torch.no_grad()
def _score(task: Task, model: nn.Module) -> float:
    model.eval()
    inputs, targets = (torch.cat(pair) for pair in zip(task.validation, task.test, strict=True))
    found = task.score(model(inputs), targets)
    found = 1 / found if task.measure == "loss" else found
    return found if math.isfinite(found) else 0.0


def grid(net: Net, model: nn.Module, kind: str, updates: int) -> dict[float, float]:
    """Rate -> score, outwards until it falls."""
    found: dict[int, float] = {}
    for sign in (1, -1):
        place = MIDST[kind] + (sign < 0) * sign
        while True:
            found[place] = score(net, model, kind, 10 ** (place / THIRDS), updates)
            if found[place] < 0.9 * max(found.values()) > 0.2 or abs(place - MIDST[kind]) > 12:
                break
            place += sign
    return {float(f"{10 ** (place / THIRDS):.3g}"): round(one, 4) for place, one in sorted(found.items())}


def measured(name: str, updates: int = UPDATES) -> dict[str, Any]:
    """One task's record."""
    net, kind = NETS[name.partition("/")[0]], name.partition("/")[2]
    model = fresh(net)
    inputs, targets = _batch(net)
    rates = igt.rate_range(model, inputs, lambda output: net.task().loss(output, targets), kind)
    scores = grid(net, model, kind, updates)
    reached = score(net, model, kind, rates.middle, updates)
    return {
        "task": name, "low": rates.low, "middle": rates.middle, "high": rates.high,
        "reached": round(reached, 4), "grid": {str(rate): one for rate, one in scores.items()},
    }  # fmt: skip


def stored() -> dict[str, dict[str, Any]]:
    """Every record, the newest of each task."""
    lines = STORED.read_text().splitlines() if STORED.exists() else []
    return {one["task"]: one for one in map(json.loads, lines)}


def page() -> None:
    """The table, the half that is reported first."""
    found = stored()
    print("| task | range | middle | reached | best of the grid, at | share |\n|---|---|---|---|---|---|")
    for title, half in zip(("chosen on", "reported"), halves(), strict=True):
        for name in (one for one in half if one in found):
            one = found[name]
            rate, best = max(one["grid"].items(), key=lambda pair: pair[1])
            print(
                f"| {name} ({title}) | {one['low']:.2g} to {one['high']:.2g} | {one['middle']:.2g} | "
                f"{one['reached']:.3f} | {best:.3f}, {float(rate):.2g} | {one['reached'] / best:.3f} |"
            )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="")
    parser.add_argument("--updates", type=int, default=UPDATES, help="fewer are not stored")
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    if given.page:
        return page()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for name in (
        given.only.split(",") if given.only else [n for half in halves() for n in half if n not in stored()]
    ):
        record = measured(name, given.updates)
        print(json.dumps(record), flush=True)
        if given.updates == UPDATES:
            with STORED.open("a") as file:
                file.write(json.dumps(record) + "\n")
    return None


if __name__ == "__main__":
    main()
