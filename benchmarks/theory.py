"""The theory against simulated torch networks, Monte Carlo integrals, and the clock.

    python benchmarks/theory.py networks --widths 64 256 1024 --depth 100 --networks 200
    python benchmarks/theory.py integrals --draws 100000000
    python benchmarks/theory.py speed
    python benchmarks/theory.py rules

Each prints a table and exits with 1 where a claim of docs/theory.md does not hold.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import theory_networks
import theory_rules
from isogain.core.activations import activation, names


def integrals(options: argparse.Namespace) -> bool:
    """Moments of every activation against Monte Carlo draws: both within their stated bounds."""
    generator, good = np.random.default_rng(options.seed), True
    keys = ("mean", "second", "fourth", "slope_second")
    totals = {name: np.zeros((2, len(keys))) for name in names()}
    done, block = 0, 1_000_000
    while done < options.draws:
        z = generator.standard_normal(block)
        for name, total in totals.items():
            phi = activation(name)
            value, slope = phi(z), phi.derivative(z)
            for i, sample_ in enumerate((value, value**2, value**4, slope**2)):
                total[:, i] += sample_.sum(), (sample_**2).sum()
        done += block
    print(f"{'activation':<14}" + "".join(f"{key + ' (z)':>24}" for key in keys) + f"{'largest bound':>15}")
    for name, total in totals.items():
        moments = activation(name).moments()
        mean, second = total / done
        error = np.sqrt(np.maximum(second - mean**2, 0) / done)
        exact = np.array([getattr(moments, key).value for key in keys])
        bound = np.array([getattr(moments, key).error for key in keys])
        away = (mean - exact) / np.maximum(error, 1e-15)
        print(f"{name:<14}" + "".join(f"{e:>15.7f} ({a:+.2f})" for e, a in zip(exact, away, strict=True))
              + f"{bound.max():>15.1e}")  # fmt: skip
        good &= bool((np.abs(mean - exact) <= 5 * error + bound).all())
    return good


def speed(options: argparse.Namespace) -> bool:
    """advise under 0.5 s, a 64 x 64 phase diagram under 5 s, each as a fresh process' first call."""
    limits = {
        "advise('gelu', depth=50, width=128)": 0.5,
        "advise('silu', depth=50, width=128)": 0.5,
        "advise('tanh', depth=50, width=256)": 0.5,
        "advise('mish', depth=1000, width=512)": 0.5,
        "phase_diagram('tanh')": 5.0,
        "phase_diagram('sin')": 5.0,
        "critical_point('silu')": 0.5,
        "predict('gelu', depth=100, width=256)": 5.0,
    }
    good = True
    with tempfile.TemporaryDirectory() as folder:  # byte code kept, as an installed package has it
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for call, limit in limits.items():
            good &= _timed(call, limit, options.repeats, environment)
    return good


def _timed(call: str, limit: float, repeats: int, environment: dict[str, str]) -> bool:
    """One call, the first after `import isogain` in processes of its own."""
    code = f"import time, isogain as ig; t = time.perf_counter(); ig.{call}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    times = [float(subprocess.check_output(command, env=environment)) for _ in range(repeats + 1)][1:]
    middle = statistics.median(times)
    print(f"{call:<48} median {middle:6.3f} s of {repeats} fresh processes (limit {limit} s)", flush=True)
    return middle < limit


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("networks", help="predicted against simulated torch networks")
    one.add_argument("--widths", type=int, nargs="+", default=[64, 256, 1024])
    one.add_argument("--depth", type=int, default=100)
    one.add_argument("--networks", type=int, default=200)
    one.add_argument("--weights", nargs="+", default=["gaussian", "orthogonal"])
    one.add_argument("--activations", nargs="+", default=list(theory_networks.TORCH))
    one.add_argument("--threads", type=int, default=torch.get_num_threads())
    one.add_argument("--keep", type=Path, help="folder for the simulated networks, to be compared again")
    one.set_defaults(run=theory_networks.table)
    two = commands.add_parser("integrals", help="moments against Monte Carlo")
    two.add_argument("--draws", type=int, default=100_000_000)
    two.set_defaults(run=integrals)
    three = commands.add_parser("speed", help="how long advice and diagrams take")
    three.add_argument("--repeats", type=int, default=5)
    three.set_defaults(run=speed)
    four = commands.add_parser("rules", help="each layer's moment rule against torch's own layer")
    four.add_argument("--slack", type=float, default=0.01, help="for the noise of the simulation")
    four.set_defaults(run=theory_rules.table)
    for each in (one, two, three, four):
        each.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    good = options.run(options)
    print("every claim holds" if good else "NOT every claim holds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
