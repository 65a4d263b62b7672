"""The theory against simulated torch networks, Monte Carlo integrals, and the clock.

    python benchmarks/theory.py networks --widths 64 256 1024 --depth 100 --networks 200
    python benchmarks/theory.py integrals --draws 100000000
    python benchmarks/theory.py speed

Each prints a table and exits with 1 where a claim of docs/theory.md does not hold.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import isogain.theory as theory
from isogain.core.activations import activation, names

functional = torch.nn.functional
TORCH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "elu": functional.elu,
    "selu": functional.selu,
    "mish": functional.mish,
    "sin": torch.sin,
}
DEGREES_OF_FREEDOM_BYTES = 400_000_000
"""Weights of one batch of networks held in memory at a time."""


@dataclass(frozen=True)
class Setting:
    """One network to simulate: which activation at which variances."""

    name: str
    weight_variance: float
    bias_variance: float


def settings(which: list[str]) -> list[Setting]:
    """Each activation where a network of it is meant to live: chi = 1, at a variance that holds."""
    rows = []
    for name in which:
        point = theory.critical_point(name)
        if point.q == 0.0 and name in ("elu", "selu"):
            point = theory.critical_point(name, variance=1.0)
        rows.append(Setting(name, point.weight_variance, point.bias_variance))
    return rows


def matrices(
    count: int, depth: int, width: int, orthogonal: bool, generator: torch.Generator
) -> torch.Tensor:
    """(depth, count, width, width) of entries with variance 1 / width, Gaussian or Haar orthogonal."""
    draw = torch.randn(depth, count, width, width, generator=generator)
    if not orthogonal:
        return draw.div_(math.sqrt(width))
    q, r = torch.linalg.qr(draw)
    return q * torch.sign(torch.diagonal(r, dim1=-2, dim2=-1)).unsqueeze(-2)


def simulate(
    setting: Setting, weights: torch.Tensor, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln q, ln g (relative to the last layer) and the correlation of two inputs: (networks, depth) each."""
    depth, count, width, _ = weights.shape
    inputs = _pair(count, width, generator)
    phi = TORCH[setting.name]
    states, layers = inputs, []
    for layer in range(depth):
        bias = math.sqrt(setting.bias_variance) * torch.randn(count, width, 1, generator=generator)
        states = math.sqrt(setting.weight_variance) * torch.bmm(weights[layer], states) + bias
        states.requires_grad_(True)
        layers.append(states)
        states = phi(states)
    probe = torch.zeros_like(layers[-1])
    probe[:, :, 0] = torch.randn(count, width, generator=generator)
    gradients = torch.autograd.grad((layers[-1] * probe).sum(), layers)
    power = torch.stack([z.detach()[:, :, 0].double().square().mean(1) for z in layers], 1)
    back = torch.stack([g[:, :, 0].double().square().mean(1) for g in gradients], 1)
    alike = torch.stack(
        [torch.cosine_similarity(z[:, :, 0].double(), z[:, :, 1].double()) for z in layers], 1
    )
    return power.log().numpy(), (back / back[:, -1:]).log().numpy(), alike.detach().numpy()


def _pair(count: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """Two inputs of mean square exactly 1 and correlation exactly 0 for each network."""
    raw = torch.randn(count, width, 2, generator=generator)
    return torch.linalg.qr(raw)[0] * math.sqrt(width)


def sample(
    rows: list[Setting], width: int, depth: int, networks: int, orthogonal: bool, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Every setting on the same drawn matrices, `networks` of them."""
    generator = torch.Generator().manual_seed(seed)
    chunk = max(1, min(networks, DEGREES_OF_FREEDOM_BYTES // (4 * depth * width * width)))
    parts: dict[str, list[Any]] = {row.name: [] for row in rows}
    for start in range(0, networks, chunk):
        weights = matrices(min(chunk, networks - start), depth, width, orthogonal, generator)
        for row in rows:
            parts[row.name].append(simulate(row, weights, generator))
    return {
        name: tuple(np.concatenate(kind) for kind in zip(*many, strict=True)) for name, many in parts.items()
    }


def compare(
    row: Setting, measured: tuple[np.ndarray, ...], width: int, depth: int, weights: str
) -> dict[str, Any]:
    """Deviations of the means in standard errors, and the share of runs inside the 95 % bands."""
    predicted = theory.predict(
        row.name, row.weight_variance, row.bias_variance, depth, width, weights=weights, pairs=depth <= 100
    )
    log_q, log_g, alike = measured
    bands = [(one.variance_band, one.gradient_band, one.correlation_band) for one in predicted.layers]
    result: dict[str, Any] = {"activation": row.name, "width": width, "depth": depth, "weights": weights}
    for key, data, band, centre in (
        ("q", log_q, [b[0] for b in bands], [math.log(one.typical_variance) for one in predicted.layers]),
        (
            "g",
            log_g,
            [b[1] for b in bands],
            [math.log(one.typical_gradient_variance) for one in predicted.layers],
        ),
    ):
        error = data.std(0, ddof=1) / math.sqrt(len(data))
        away = (data.mean(0) - np.array(centre)) / np.maximum(error, 1e-6)
        kept = slice(0, -1) if key == "g" else slice(0, None)
        inside = [
            ((d >= math.log(lo)) & (d <= math.log(hi))).mean()
            for d, (lo, hi) in zip(data.T, band, strict=True)
        ]
        result[f"{key} worst z"] = float(away[kept][np.abs(away[kept]).argmax()])
        result[f"{key} z at end"] = float(away[-1] if key == "q" else away[0])
        result[f"{key} off"] = float((data.mean(0) - np.array(centre))[-1 if key == "q" else 0])
        result[f"{key} inside"] = float(np.mean(inside[kept][1:] if key == "q" else inside[kept]))
        spread = [
            one.log_variance_spread if key == "q" else one.log_gradient_spread for one in predicted.layers
        ]
        end = -1 if key == "q" else 0
        result[f"{key} spread"] = (float(data.std(0, ddof=1)[end]), spread[end])
    # the first layer of orthogonal weights has no spread at all, and float32 none to compare it with
    claimed = [
        ((c >= b[0]) & (c <= b[1])).mean() for c, (_, _, b) in list(zip(alike.T, bands, strict=True))[1:] if b
    ]
    if claimed:
        result["c inside"], result["c layers"] = float(np.mean(claimed)), len(claimed)
    return result


def networks(options: argparse.Namespace) -> bool:
    """Every activation x width x kind of weights: predicted against simulated, as one table."""
    torch.set_num_threads(options.threads)
    rows, good = settings(options.activations), True
    print(f"{'activation':<11}{'width':>6} {'weights':<11}{'ln q: worst z':>14}{'inside':>8}{'spread':>15}"
          f"{'ln g: worst z':>15}{'inside':>8}{'spread':>15}{'c inside':>10}")  # fmt: skip
    for width in options.widths:
        for kind in options.weights:
            measured = sample(
                rows, width, options.depth, options.networks, kind == "orthogonal", options.seed
            )
            for row in rows:
                good &= _report(compare(row, measured[row.name], width, options.depth, kind))
    return good


def _report(one: dict[str, Any]) -> bool:
    spreads = {key: "{:.3f} / {:.3f}".format(*one[f"{key} spread"]) for key in "qg"}
    print(f"{one['activation']:<11}{one['width']:>6} {one['weights']:<11}{one['q worst z']:>14.2f}"
          f"{one['q inside']:>8.3f}{spreads['q']:>15}{one['g worst z']:>15.2f}{one['g inside']:>8.3f}"
          f"{spreads['g']:>15}{one.get('c inside', math.nan):>10.3f}", flush=True)  # fmt: skip
    held = all(abs(one[f"{key} z at end"]) <= 3 for key in "qg")
    return held and all(0.90 <= one[f"{key} inside"] <= 0.99 for key in "qg")


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
    import subprocess

    limits = {
        "theory.advise('gelu', depth=50, width=128)": 0.5,
        "theory.advise('tanh', depth=50, width=256)": 0.5,
        "theory.phase_diagram('tanh')": 5.0,
        "theory.phase_diagram('sin')": 5.0,
        "theory.critical_point('silu')": 0.5,
        "theory.predict('gelu', depth=100, width=256)": 5.0,
    }
    good = True
    for call, limit in limits.items():
        code = (f"import time, isogain.theory as theory; t = time.perf_counter(); {call}; "
                "print(time.perf_counter() - t)")  # fmt: skip
        times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(options.repeats)]
        middle = statistics.median(times)
        good &= middle < limit
        print(f"{call:<48} median {middle:6.3f} s of {len(times)} fresh processes (limit {limit} s)")
    return good


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
    one.add_argument("--activations", nargs="+", default=list(TORCH))
    one.add_argument("--threads", type=int, default=torch.get_num_threads())
    one.set_defaults(run=networks)
    two = commands.add_parser("integrals", help="moments against Monte Carlo")
    two.add_argument("--draws", type=int, default=100_000_000)
    two.set_defaults(run=integrals)
    three = commands.add_parser("speed", help="how long advice and diagrams take")
    three.add_argument("--repeats", type=int, default=5)
    three.set_defaults(run=speed)
    for each in (one, two, three):
        each.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    good = options.run(options)
    print("every claim holds" if good else "NOT every claim holds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
