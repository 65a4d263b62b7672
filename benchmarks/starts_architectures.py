"""init_ on every architecture of transformers in tests/corpus: does it run, is it healthy, its gains.

    python benchmarks/starts_architectures.py [NAME ...] [--json FILE]

Every model is drawn, also those that init_ would leave alone, and inspected before and after.  The gain
of an unnormalised layer is the size of the next layer's output over its own, on links with nothing but
activations between two weights, outside residual branches; the gradient's is the same backwards, by its
length.  Beside them stands the model's own.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch

import isogain.torch as igt
from isogain.graph.scene import Scene
from isogain.torch.calling import arguments_of
from isogain.torch.gauge import Gauge, gauge
from isogain.torch.tape import TapeActivations

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))


def layer_gains(found: Gauge) -> list[tuple[str, float, float]]:
    """(path, forward, backward) of every unnormalised layer."""
    scene = Scene(found.graph(found.returned), TapeActivations(found))
    rows = []
    for chain in scene.chains.all:
        if any(one in scene.blocks.of_weight for one in chain.weights):
            continue
        for link in chain.links:
            source, target = scene.graph.nodes[link.source], scene.graph.nodes[link.target]
            if target.role == "head":
                continue
            forward = found.size(link.target) / found.size(link.source)
            sizes = [math.prod(node.shape) for node in (source, target)]
            backward = (
                found.gradient(link.source) * math.sqrt(sizes[0] / sizes[1]) / found.gradient(link.target)
            )
            rows.append((target.path, forward, backward))
    return rows


def run(name: str, build: Any) -> dict[str, Any]:
    """One row of the table."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, inputs = build()
        clock = time.perf_counter()
        positional, named = arguments_of(inputs)
        model(*positional, **named)
        forward_time = time.perf_counter() - clock
        before = layer_gains(gauge(model, positional, named, back=True))
        report = igt.inspect(model, inputs)
        clock = time.perf_counter()
        own = igt.init_(model, inputs)
        receipt = igt.init_(model, inputs, keep_healthy=False) if own.left else own
        init_time = time.perf_counter() - clock
        after = igt.inspect(model, inputs)
        gains = layer_gains(gauge(model, positional, named, back=True))
    return {
        "name": name, "left alone": bool(own.left), "needed": list(receipt.plan.needed),
        "before": report.verdict, "after": after.verdict, "findings": [f.key for f in after.findings],
        "drawn": len(receipt.plan.drawn), "kept": len(receipt.plan.kept), "scaled": len(receipt.scaled),
        "loss": receipt.losses, "gains before": before, "gains": gains,
        "forward seconds": forward_time, "init seconds": init_time,
    }  # fmt: skip


def _range(rows: list[tuple[str, float, float]]) -> str:
    values = [value for _, *pair in rows for value in pair if math.isfinite(value)]
    return f"{min(values):.2f}..{max(values):.2f} ({len(rows)})" if values else "-"


def main() -> int:
    """Prints one line for each architecture; status 1 where one fails or is worse than before."""
    from corpus.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=sorted(ARCHITECTURES))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    order, rows, worse = ("healthy", "warning", "critical"), [], []
    for name in chosen.names:
        row = run(name, ARCHITECTURES[name])
        rows.append(row)
        worse += [name] if order.index(row["after"]) > order.index(row["before"]) else []
        print(
            f"{name:16} {row['before']:8} -> {row['after']:8} {row['drawn']:3} drawn {row['kept']:3} kept  "
            f"loss {row['loss'][0]:8.3f} -> {row['loss'][1]:8.3f}  gains {_range(row['gains before'])} -> "
            f"{_range(row['gains'])}  {'left alone' if row['left alone'] else ''}", flush=True,
        )  # fmt: skip
        if chosen.json:
            chosen.json.write_text(json.dumps(rows, indent=1))
    print(f"{len(rows)} architectures, {len(worse)} worse than before {worse or ''}")
    return bool(worse)


if __name__ == "__main__":
    raise SystemExit(main())
