"""What a trial is worth and what it costs: false winners, power, time, overhead, backends, lost workers.

python benchmarks/trial.py coverage [--trials 400] # starts of one law: who is declared the winner
python benchmarks/trial.py power [--trials 50]     # He against std .01 on MNIST-5k: how often He wins
python benchmarks/trial.py plain [--trials 3]      # 6 starts x 4 rates x 3 seeds, and as a loop: wall time
python benchmarks/trial.py cost [--trials 3]       # the same on one thread: processor time, equality
python benchmarks/trial.py overhead                # what a job costs beside calling the training itself
python benchmarks/trial.py backends                # 72 jobs on two workers of each backend; one killed
python benchmarks/trial.py law                     # the judging alone: who chooses the rates, simulated
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import isogain.torch as igt
from isogain.jobs.executing import Crew
from isogain.lab.datasets import load
from isogain.torch.start.schemes import starter
from isogain.torch.trial.batches import source_of

QUIET: dict[str, Any] = {"loss": "cross_entropy", "progress": False, "results": None, "inspect": False}
STARTS = ("own", "init_", "he_normal", "glorot_normal", "orthogonal", "lecun_normal")
RATES = (0.003, 0.01, 0.03, 0.1)
STEPS = 60
SEEDS = 3


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST-5k's training images."""
    digits = load("mnist-5k")
    pixels = torch.tensor(digits.train_inputs / 255.0, dtype=torch.float32).view(-1, 1, 28, 28)
    return pixels, torch.tensor(digits.train_labels)


def network() -> nn.Module:
    """Three layers: two convolutions and a linear one."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip


def tiny() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))


def he(shift: int, model: nn.Module, seed: int) -> None:
    """He's law, drawn from another seed for every start."""
    starter("he_normal", None)(model, 1009 * seed + shift)


def coverage(trials: int, first: int) -> None:
    """Three starts of one law, two rates, five seeds: who is declared ahead of whom."""
    verdicts: Counter[str] = Counter()
    ahead = 0
    for number in range(first, first + trials):
        generator = torch.Generator().manual_seed(number)
        inputs = torch.randn(400, 12, generator=generator)
        scores = inputs @ torch.randn(12, 4, generator=generator)
        labels = (scores + torch.randn(400, 4, generator=generator)).argmax(1)
        starts = {f"he {shift}": partial(he, shift) for shift in range(3)}
        found = igt.trial(
            tiny, (inputs, labels), starts, rates=(0.01, 0.03), steps=10,
            seeds=range(5 * number, 5 * number + 5), workers=1, **QUIET,
        )  # fmt: skip
        verdicts[found.verdict] += 1
        ahead += any(one.place == "behind" for one in found.judged.standings)
        done = number - first + 1
        if done % 25 == 0:
            print(f"{done}: {verdicts['won']} winners, {ahead} with any start behind", flush=True)
    print(f"false winners: {verdicts['won'] / trials:.1%}; any start declared behind: {ahead / trials:.1%}")


def plain_network() -> nn.Module:
    widths = (784, 64, 64, 64, 64, 10)
    layers = [part for pair in pairwise(widths) for part in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def small(model: nn.Module, seed: int) -> None:
    """Every weight from N(0, .01^2), biases zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.01 * torch.randn(parameter.shape, generator=generator) * (parameter.dim() > 1))


def power(trials: int, first: int) -> None:
    """He against std .01 with the usual five seeds, two rates and 60 updates."""
    won = 0
    for number in range(first, first + trials):
        found = igt.trial(
            plain_network, images(), {"he": "he_normal", "std .01": small}, optimizers="sgd",
            rates=(0.03, 0.1), steps=60, seeds=range(5 * number, 5 * number + 5), workers=1, **QUIET,
        )  # fmt: skip
        won += found.winner == "he"
    print(f"He found ahead of std .01 in {won} of {trials} trials")


def by_hand(build: Any, data: Any, seeds: int) -> dict[tuple[str, float, int], list[float]]:
    """The same runs as anyone would write them; the losses of each."""
    source, found = source_of(data, 64), {}
    held_out = source.held_out()
    for start in STARTS:
        for rate in RATES:
            for seed in range(seeds):
                torch.manual_seed(seed)
                model, stream = build(), source.stream(seed)
                first = next(stream)
                starter(start, first[0])(model, seed)
                optimizer = torch.optim.SGD(model.parameters(), lr=rate)
                losses = found[start, rate, seed] = []
                for step in range(STEPS):
                    inputs, labels = first if step == 0 else next(stream)
                    loss = nn.functional.cross_entropy(model(inputs), labels)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                    if (step + 1) % (STEPS // 4) == 0:
                        with torch.no_grad():
                            sum(nn.functional.cross_entropy(model(x), y).item() for x, y in held_out)
    return found


def by_trial(build: Any, data: Any, seeds: int, **more: Any) -> Any:
    settings = {"optimizers": "sgd", "rates": RATES, "steps": STEPS, "seeds": seeds, **QUIET, **more}
    return igt.trial(build, data, STARTS, **settings)


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    return torch.tensor(inputs / 16, dtype=torch.float32), torch.tensor(labels)


def narrow() -> nn.Module:
    widths = (64, 32, 32, 32, 32, 32, 10)
    return nn.Sequential(*[part for pair in pairwise(widths) for part in (nn.Linear(*pair), nn.ReLU())][:-1])


NETWORKS = {"CNN": (network, images), "784-64x4-10": (plain_network, images), "64-32x5-10": (narrow, digits)}


def plain(repeats: int) -> None:
    """72 runs as a trial in two processes, as one that may spend half of the updates, and as a loop on two
    threads, in turn."""
    every = len(STARTS) * len(RATES) * SEEDS * STEPS
    for name, (build, load_data) in NETWORKS.items():
        data, times = load_data(), {"loop": [], "trial": [], "halving": []}
        for _ in range(repeats):
            times["loop"].append(seconds(lambda: by_hand(build, data, SEEDS)))  # noqa: B023
            times["trial"].append(seconds(lambda: by_trial(build, data, SEEDS, workers=2)))  # noqa: B023
            half = {"workers": 2, "budget": every // 2}
            times["halving"].append(seconds(lambda: by_trial(build, data, SEEDS, **half)))  # noqa: B023
        loop, whole, halved = (float(np.median(took)) for took in times.values())
        first = times["trial"][0] / times["loop"][0]
        print(
            f"{name}: loop {loop:.1f} s; trial {whole:.1f} s, {whole / loop:.2f} of it (the first time, "
            f"processes begin: {first:.2f}); half of the updates {halved:.1f} s, {halved / loop:.2f}",
            flush=True,
        )


def cost(repeats: int) -> None:
    """Processor time of the same runs in one process on one thread, and how far their losses are apart."""
    torch.set_num_threads(1)
    for name, (build, load_data) in NETWORKS.items():
        data, ratios = load_data(), []
        for _ in range(repeats):
            began = time.process_time()
            losses = by_hand(build, data, SEEDS)
            between = time.process_time()
            found = by_trial(build, data, SEEDS, workers=1)
            ratios.append((time.process_time() - between) / (between - began))
        apart = [np.max(np.abs(run.losses / losses[run.start, run.rate, run.seed] - 1)) for run in found.runs]
        print(
            f"{name}: {np.median(ratios):.2f} of the loop's processor time; every loss within 1e-5 in "
            f"{sum(one < 1e-5 for one in apart)} of {len(apart)} runs, at most {max(apart):.1e} apart",
            flush=True,
        )


def seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def nothing(shared: Any, item: Any) -> Any:
    return item


def overhead() -> None:
    """Jobs that do nothing but carry MNIST-5k, on two processes that run already."""
    with Crew(nothing, images(), workers=2) as crew:
        list(crew.run(range(8)))
        took = seconds(lambda: list(crew.run(range(200))))
    print(f"overhead of a job: {1000 * took / 200:.1f} ms")


def sleeping(shared: Any, item: int) -> int:
    """A job of half a second that leaves the processor alone, so that other work does not count; the item 20
    ends its process in the middle, the first time."""
    mark = Path(shared)
    with mark.open("a") as log:
        log.write(f"{item}\n")
    time.sleep(0.25)
    if item == 20 and mark.name.endswith("killed") and mark.read_text().split().count("20") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.25)
    return item


def backends() -> None:
    """72 jobs on two workers that run already; then again with one killed."""
    import tempfile

    import ray
    from distributed import LocalCluster

    folder = Path(tempfile.mkdtemp())
    ray.init(num_cpus=2, object_store_memory=10**8, include_dashboard=False, log_to_driver=False)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        where = {"loky": {}, "dask": {"address": cluster.scheduler_address}, "ray": {}}
        for _ in range(2):
            times = {name: _timed(folder / name, name, more) for name, more in where.items()}
            print(
                "; ".join(f"{name} {took:.1f} s, {took / times['loky']:.2f}" for name, took in times.items())
            )
        for name, more in where.items():
            mark = folder / f"{name}-killed"
            _timed(mark, name, more)
            print(f"{name}, one worker killed: {len(mark.read_text().split()) - 72 - 4} jobs begun again")
    ray.shutdown()


def _timed(mark: Path, backend: str, more: dict[str, Any]) -> float:
    with Crew(sleeping, str(mark), backend, workers=2, **more) as crew:
        list(crew.run([100, 101, 102, 103]))  # processes begin
        return seconds(lambda: list(crew.run(range(72))))


def law() -> None:
    """How often two starts of one law are told apart, by the rule that chooses their rates."""
    from scipy import stats

    random, count = np.random.default_rng(0), 4000
    for seeds in (3, 5):
        for gap in (0.1, 0.3, 1.0):
            means = -gap * np.array([0, 1, 3, 10])[None, None, :, None]
            scores = means + random.standard_normal((count, 2, 4, seeds))
            everyone = np.take_along_axis(scores, scores.mean(3, keepdims=True).argmax(2, keepdims=True), 2)[
                :, :, 0
            ]
            others = (scores.sum(3, keepdims=True) - scores).argmax(2, keepdims=True)
            left_out = np.take_along_axis(scores, others, 2)[:, :, 0]
            found = [
                float((stats.ttest_rel(y[:, 0], y[:, 1], axis=1).pvalue < 0.05).mean())
                for y in (everyone, left_out)
            ]
            print(
                f"{seeds} seeds, gap {gap}: all seeds choose {found[0]:.3f}, the other seeds choose "
                f"{found[1]:.3f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("coverage", "power", "plain", "cost", "overhead", "backends", "law"))
    parser.add_argument("--trials", type=int)
    parser.add_argument(
        "--first", type=int, default=0, help="the first trial, to share the work between processes"
    )
    chosen = parser.parse_args()
    if chosen.what in ("coverage", "power"):
        torch.set_num_threads(1)
        run, usual = {"coverage": (coverage, 400), "power": (power, 50)}[chosen.what]
        run(chosen.trials or usual, chosen.first)
        return
    repeats = chosen.trials or 3
    todo = {"plain": partial(plain, repeats), "cost": partial(cost, repeats)}
    {**todo, "overhead": overhead, "backends": backends, "law": law}[chosen.what]()


if __name__ == "__main__":
    main()
