"""The thirty runs of figure 6-15 (3 starts x 10 seeds): the lab against plain PyTorch, run after run.

    python benchmarks/lab.py                 # shortened runs, several rounds, medians
    python benchmarks/lab.py --updates 2000 --rounds 1    # the whole figure

Plain means torch.nn.Sequential, CrossEntropyLoss and torch.optim.SGD as everybody writes them, once
with all cores and once with one thread; the faster of the two is what the lab is compared with.
Both sides start from the same weights, see the same batches and must give the same losses.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from isogain.jobs.store import Store
from isogain.lab.datasets import Dataset, load
from isogain.lab.grouping import Run
from isogain.lab.runner import complete, run_key
from isogain.lab.spec import Experiment
from isogain.lab.starts import initial_weights
from isogain.lab.streams import batch_indices
from isogain.lab.studies import study

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"


def digits() -> Dataset:
    """The complete MNIST where it lies, MNIST-5k elsewhere."""
    folder = os.environ.get("ISOGAIN_MNIST") or BESIDE
    return load(folder if Path(folder).is_dir() else "mnist-5k")


def plain_run(experiment: Experiment, run: Run, inputs: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """One run: the losses after each update, on its batch."""
    layers: list[nn.Module] = []
    for weight in initial_weights(experiment, [run]):
        linear = nn.utils.skip_init(nn.Linear, weight.shape[2], weight.shape[1])
        linear.weight.data.copy_(weight[0])
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    module = nn.Sequential(*layers[:-1])
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(module.parameters(), lr=run.arm.learning_rate)
    losses = []
    for index in batch_indices(experiment.batches, len(labels), experiment.iterations, run.seed):
        chosen = torch.from_numpy(index)
        x, y = inputs[chosen], labels[chosen]
        optimizer.zero_grad()
        criterion(module(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            losses.append(criterion(module(x), y).item())
    return losses


def plain(
    experiment: Experiment, data: Dataset, threads: int
) -> tuple[float, dict[tuple[str, int], list[float]]]:
    """Seconds and losses of all runs, one after the other."""
    torch.set_num_threads(threads)
    inputs = torch.from_numpy(data.train_inputs.copy()).float().div_(data.divisor)
    labels = torch.from_numpy(data.train_labels.copy())
    started = time.perf_counter()
    losses = {
        (arm.label, seed): plain_run(experiment, Run(arm, seed), inputs, labels)
        for seed in experiment.seeds
        for arm in experiment.arms
    }
    return time.perf_counter() - started, losses


def batched(
    experiment: Experiment, data: Dataset, threads: int
) -> tuple[float, dict[tuple[str, int], np.ndarray]]:
    """Seconds and losses of all runs in the lab, starts, threads and the writing of the store included."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder, Store(folder) as store:
        started = time.perf_counter()
        complete(experiment, data, store)
        elapsed = time.perf_counter() - started
        return elapsed, {
            (arm.label, seed): store.arrays(run_key(experiment, Run(arm, seed), data.digest))["loss"]
            for seed in experiment.seeds
            for arm in experiment.arms
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    full = study("mnist-training").experiment
    record = replace(full.record, evaluate_at=())
    experiment = replace(full, iterations=options.updates, record=record).with_seeds(options.seeds)
    data, cores = digits(), os.cpu_count() or 1
    print(f"{data.title}, {experiment.runs} runs of {options.updates} updates, {cores} cores")
    warm = replace(experiment, iterations=20).with_seeds(2)
    plain(warm, data, cores), batched(warm, data, cores)
    data.digest  # noqa: B018  (hashed once per data set, as in use)
    rows = []
    for number in range(options.rounds):
        all_cores, reference = plain(experiment, data, cores)
        one_core, _ = plain(experiment, data, 1)
        lab, losses = batched(experiment, data, cores)
        worst = max(np.abs(losses[key] / np.array(reference[key]) - 1).max() for key in reference)
        rows.append((all_cores, one_core, lab))
        print(
            f"round {number + 1}: plain {all_cores:.1f} s on {cores} threads, {one_core:.1f} s on one; "
            f"lab {lab:.1f} s; ratio {lab / min(all_cores, one_core):.3f}; "
            f"losses agree to {worst:.1e} (float32 rounding, which training amplifies)",
            flush=True,
        )
    ratio = statistics.median(lab / min(all_cores, one_core) for all_cores, one_core, lab in rows)
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    print(
        f"medians: plain {medians[0]:.1f} s ({cores} threads), {medians[1]:.1f} s (one thread); "
        f"lab {medians[2]:.1f} s; ratio to the faster plain one {ratio:.3f}"
    )


if __name__ == "__main__":
    main()
