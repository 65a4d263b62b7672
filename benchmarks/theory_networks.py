"""Simulated torch networks, every activation through the same drawn weights, for `theory.py networks`.

One draw of the weights serves all activations at once: their columns lie side by side, so a matrix is read
once a layer.  Each activation's numbers are a fair sample; only between activations are they dependent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import isogain as ig
import isogain.theory as theory

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
WEIGHT_BYTES = 500_000_000
"""Weights of one batch of networks held in memory at a time."""
PAIR = 2
"""Inputs a network is shown: the second is there for the correlation."""

Samples = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""ln q, ln g relative to the last layer, correlation of the two inputs: (networks, depth) each."""


@dataclass(frozen=True)
class Setting:
    """One kind of network to simulate: which activation at which variances."""

    name: str
    weight_variance: float
    bias_variance: float


def settings(which: Sequence[str]) -> list[Setting]:
    """Each activation where a network of it is meant to live: chi = 1, at a variance that holds."""
    rows = []
    for name in which:
        point = theory.critical_point(name)
        if point.q == 0.0 and name in ("elu", "selu"):
            point = theory.critical_point(name, variance=1.0)
        rows.append(Setting(name, point.weight_variance, point.bias_variance))
    return rows


def matrices(networks: range, layer: int, width: int, orthogonal: bool, seed: int) -> torch.Tensor:
    """(networks, width, width) of entries with variance 1 / width, as isogain draws them."""
    law = "orthogonal" if orthogonal else "lecun_normal"
    drawn = np.empty((len(networks), width, width), np.float32)
    for place, network in enumerate(networks):
        path = f"network{network}.layer{layer}"
        ig.draw(law, (width, width), layout="out in", seed=seed, path=path, out=drawn[place])
    return torch.from_numpy(drawn)


def simulate(rows: Sequence[Setting], weights: Sequence[torch.Tensor], seed: int) -> list[Samples]:
    """Forward and backward through torch's own functions and autograd, for one batch of networks."""
    count, width, _ = weights[0].shape
    generator = torch.Generator().manual_seed(seed)
    pair = torch.linalg.qr(torch.randn(count, width, PAIR, generator=generator))[0] * math.sqrt(width)
    states = pair.repeat(1, 1, len(rows))
    scale = torch.tensor([row.weight_variance for row in rows]).sqrt().repeat_interleave(PAIR)
    bias_scale = torch.tensor([row.bias_variance for row in rows]).sqrt().repeat_interleave(PAIR)
    layers = []
    for matrix in weights:
        bias = torch.randn(count, width, 1, generator=generator)
        states = (torch.bmm(matrix, states) * scale + bias_scale * bias).requires_grad_(True)
        layers.append(states)
        parts = states.split(PAIR, dim=2)
        states = torch.cat([TORCH[row.name](part) for row, part in zip(rows, parts, strict=True)], 2)
    probe = torch.zeros_like(layers[-1])
    probe[:, :, ::PAIR] = torch.randn(count, width, 1, generator=generator)
    gradients = torch.autograd.grad((layers[-1] * probe).sum(), layers)
    return _statistics(layers, gradients, len(rows))


def _statistics(
    layers: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor], rows: int
) -> list[Samples]:
    power = torch.stack([z.detach()[:, :, ::PAIR].double().square().mean(1) for z in layers], 1)
    back = torch.stack([g[:, :, ::PAIR].double().square().mean(1) for g in gradients], 1)
    alike = torch.stack(
        [
            torch.cosine_similarity(
                z.detach()[:, :, ::PAIR].double(), z.detach()[:, :, 1::PAIR].double(), dim=1
            )
            for z in layers
        ],
        1,
    )
    log_q, log_g = power.log().numpy(), (back / back[:, -1:]).log().numpy()
    return [(log_q[:, :, i], log_g[:, :, i], alike[:, :, i].numpy()) for i in range(rows)]


def sample(rows: Sequence[Setting], width: int, depth: int, networks: int, orthogonal: bool, seed: int,
           folder: Path | None = None) -> dict[str, Samples]:  # fmt: skip
    """Every setting on the same drawn matrices, `networks` of them; batches kept in the folder are read."""
    chunk = max(1, min(networks, WEIGHT_BYTES // (4 * depth * width * width)))
    parts = []
    for start in range(0, networks, chunk):
        batch = range(start, min(start + chunk, networks))
        kind = "orthogonal" if orthogonal else "gaussian"
        file = folder and folder / f"{width}x{depth}-{kind}-{batch.start}-{batch.stop}-{seed}.npz"
        parts.append(_kept(file) or _drawn(rows, width, depth, batch, orthogonal, seed, file))
    return {
        row.name: tuple(
            np.concatenate(kind) for kind in zip(*(part[row.name] for part in parts), strict=True)
        )  # type: ignore[misc]
        for row in rows
    }


def _drawn(rows: Sequence[Setting], width: int, depth: int, batch: range, orthogonal: bool, seed: int,
           file: Path | None) -> dict[str, Samples]:  # fmt: skip
    weights = [matrices(batch, layer, width, orthogonal, seed) for layer in range(depth)]
    found = simulate(rows, weights, 1_000_003 * seed + batch.start)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"{row.name} {i}": one[i] for row, one in zip(rows, found, strict=True) for i in range(3)}
        np.savez(file, **arrays)
    return {row.name: one for row, one in zip(rows, found, strict=True)}


def _kept(file: Path | None) -> dict[str, Samples] | None:
    if file is None or not file.exists():
        return None
    with np.load(file) as kept:
        names = {key.partition(" ")[0] for key in kept.files}
        return {name: (kept[f"{name} 0"], kept[f"{name} 1"], kept[f"{name} 2"]) for name in names}


def compare(row: Setting, measured: Samples, width: int, depth: int, weights: Any) -> dict[str, Any]:
    """Deviations of the means in standard errors, and the share of runs inside the 95 % bands."""
    predicted = theory.predict(
        row.name, row.weight_variance, row.bias_variance, depth, width, weights=weights, pairs=depth <= 100
    )
    log_q, log_g, alike = measured
    layers = predicted.layers
    result: dict[str, Any] = {"activation": row.name, "width": width, "depth": depth, "weights": weights}
    forward = np.log([[one.typical_variance, *one.variance_band] for one in layers])
    back = np.log([[one.typical_gradient_variance, *one.gradient_band] for one in layers])
    # the first layer of orthogonal weights has no spread at all, the last one's gradient is the unit
    result["q"] = _held(log_q[:, 1:], forward[1:], layers[-1].log_variance_spread, -1)
    result["g"] = _held(log_g[:, :-1], back[:-1], layers[0].log_gradient_spread, 0)
    claimed = [
        ((c >= one.correlation_band[0]) & (c <= one.correlation_band[1])).mean()
        for c, one in list(zip(alike.T, layers, strict=True))[1:]
        if one.correlation_band
    ]
    result["c inside"] = float(np.mean(claimed)) if claimed else math.nan
    return result


def _held(data: NDArray[Any], predicted: NDArray[Any], spread: float, end: int) -> dict[str, float]:
    """One quantity: worst and last deviation in standard errors, share in the band, spreads."""
    centre, low, high = predicted.T
    drawn = data.std(0, ddof=1)
    away = (data.mean(0) - centre) / np.maximum(drawn / math.sqrt(len(data)), 1e-6)
    return {
        "worst": float(away[np.abs(away).argmax()]),
        "end": float(away[end]),
        "inside": float(((data >= low) & (data <= high)).mean()),
        "simulated": float(drawn[end]),
        "predicted": spread,
    }


def table(options: Any) -> bool:
    """Every activation x width x kind of weights: predicted against simulated, as one Markdown table."""
    torch.set_num_threads(options.threads)
    rows, good = settings(options.activations), True
    print("| | width | weights | ln q: worst z | at end | inside | spread | ln g: worst z | at end | inside "
          "| spread | c inside |\n|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)  # fmt: skip
    for width in options.widths:
        for kind in options.weights:
            measured = sample(
                rows, width, options.depth, options.networks, kind == "orthogonal", options.seed, options.keep
            )
            for row in rows:
                good &= _report(compare(row, measured[row.name], width, options.depth, kind))
    return good


def _report(one: dict[str, Any]) -> bool:
    parts = [one["activation"], str(one["width"]), one["weights"]]
    for key in "qg":
        held = one[key]
        parts += [f"{held['worst']:.2f}", f"{held['end']:.2f}", f"{held['inside']:.3f}",
                  f"{held['simulated']:.3f} / {held['predicted']:.3f}"]  # fmt: skip
    print(f"| {' | '.join(parts)} | {one['c inside']:.3f} |", flush=True)
    return all(abs(one[key]["end"]) <= 3 and 0.90 <= one[key]["inside"] <= 0.99 for key in "qg")
