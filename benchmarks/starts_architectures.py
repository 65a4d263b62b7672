"""init_ on every architecture of transformers in tests/corpus: does it run, is it healthy, its gains.

    python benchmarks/starts_architectures.py [NAME ...] [--json FILE]

Every model is drawn, also those that init_ would leave alone, and inspected before and after.  The gain
of an unnormalised layer is the size of the next layer's output over its own, on links with nothing but
activations between two weights, outside residual branches; the gradient's is the same backwards, by its
length.  Beside them stands the model's own.  Inside branches the plan makes layers smaller on purpose: there
the measured gain is held against the plan's own number for it.  The last lines count for how many
architectures each point holds, and name every one for which it does not, with the reason.
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
from isogain.graph.plan import Plan
from isogain.graph.scene import Scene
from isogain.torch.call.calling import arguments_of
from isogain.torch.record.gauge import Gauge, gauge
from isogain.torch.record.replay import TapeActivations

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
            forward = _ratio(found.size(link.target), found.size(link.source))
            sizes = [math.prod(node.shape) for node in (source, target)]
            backward = _ratio(
                found.gradient(link.source) * math.sqrt(sizes[0] / sizes[1]), found.gradient(link.target)
            )
            rows.append((target.path, forward, backward))
    return rows


def branch_gains(found: Gauge, plan: Plan) -> list[tuple[str, float]]:
    """(path, measured over planned) of every layer in a residual branch behind another one."""
    scene = Scene(found.graph(found.returned), TapeActivations(found))
    rows = []
    for link in scene.links.into.values():
        source, target = scene.graph.nodes[link.source], scene.graph.nodes[link.target]
        name = target.weight.name if target.weight else ""
        if source.kind != "weight" or target.index not in scene.blocks.of_weight or name not in plan:
            continue
        size, phi, gain = found.size(source.index), scene.activation(link), plan[name].gain
        if not gain > 0 or not size > 0:
            continue
        arrives = math.sqrt(phi.moments(size**2).second.value) if phi else size
        rows.append((target.path, found.size(target.index) / (gain * arrives)))
    return rows


def _ratio(one: float, other: float) -> float:
    """one / other; infinite where nothing is left to divide by."""
    return one / other if other else math.inf


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
        measured = gauge(model, positional, named, back=True)
        gains, inside = layer_gains(measured), branch_gains(measured, receipt.plan)
    return {
        "name": name, "left alone": bool(own.left), "needed": list(receipt.plan.needed),
        "before": report.verdict, "after": after.verdict, "findings": [f.key for f in after.findings],
        "drawn": len(receipt.plan.drawn), "kept": len(receipt.plan.kept), "scaled": len(receipt.scaled),
        "why kept": {entry.path: entry.reason for entry in receipt.plan.kept if entry.role != "norm"},
        "loss": receipt.losses, "gains before": before, "gains": gains, "inside": inside,
        "forward seconds": forward_time, "init seconds": init_time,
    }  # fmt: skip


def _range(rows: list[tuple[str, float, float]]) -> str:
    values = [value for _, *pair in rows for value in pair if math.isfinite(value)]
    return f"{min(values):.2f}..{max(values):.2f} ({len(rows)})" if values else "-"


ORDER = ("healthy", "warning", "critical")


def _fails_to_run(row: dict[str, Any]) -> str:
    return row.get("error", "")


def _is_worse(row: dict[str, Any]) -> str:
    if "error" in row or ORDER.index(row["after"]) <= ORDER.index(row["before"]):
        return ""
    return f"{row['before']} -> {row['after']}: {', '.join(row['findings'])}"


def _is_off(row: dict[str, Any]) -> str:
    """The layers whose gain leaves [.9, 1.1], forward or backward."""
    rows = row.get("gains", [])
    off = [
        (path, ahead, back) for path, ahead, back in rows if not all(0.9 <= x <= 1.1 for x in (ahead, back))
    ]
    shown = ", ".join(f"{path} {ahead:.2f} forward, {back:.2f} back" for path, ahead, back in off[:4])
    return f"{len(off)} of {len(rows)} layers: {shown}" if off else ""


def _is_unplanned(row: dict[str, Any]) -> str:
    off = [(path, ratio) for path, ratio in row.get("inside", []) if not 0.9 <= ratio <= 1.1]
    shown = ", ".join(f"{path} {ratio:.2f}" for path, ratio in off[:4])
    return f"{len(off)} of {len(row['inside'])} layers: {shown}" if off else ""


POINTS = {
    "init_ runs": _fails_to_run, "inspect is not worse than before": _is_worse,
    "gains of unnormalised layers in [.9, 1.1]": _is_off,
    "gains inside branches within 10 % of the plan's": _is_unplanned,
}  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """For each point how many architectures hold it, and which do not, and why."""
    lines = []
    for point, why in POINTS.items():
        failing = {row["name"]: said for row in rows if (said := why(row))}
        lines.append(f"{point}: {len(rows) - len(failing)} of {len(rows)}")
        lines += [f"    {name}: {said}" for name, said in failing.items()]
    having = [row for row in rows if row.get("gains")]
    count = sum(len(row["gains"]) for row in having)
    lines.append(f"{count} unnormalised layers, in {len(having)} architectures")
    lines.append(f"{sum(len(row.get('inside', [])) for row in rows)} layers inside branches")
    return lines


def main() -> int:
    """Prints one line for each architecture; status 1 where a point does not hold for one."""
    from corpus.architectures import ARCHITECTURES

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=sorted(ARCHITECTURES))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for name in chosen.names:
        try:
            rows.append(run(name, ARCHITECTURES[name]))
            print(_line(rows[-1]), flush=True)
        except Exception as error:
            rows.append({"name": name, "error": f"{type(error).__name__}: {error}"})
            print(f"{name:16} {rows[-1]['error']}", flush=True)
        if chosen.json:
            chosen.json.write_text(json.dumps(rows, indent=1))
    print("\n".join(summary(rows)))
    return any(why(row) for why in POINTS.values() for row in rows)


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['name']:16} {row['before']:8} -> {row['after']:8} "
        f"{row['drawn']:3} drawn {row['kept']:3} kept  "
        f"loss {row['loss'][0]:8.3f} -> {row['loss'][1]:8.3f}  gains {_range(row['gains before'])} -> "
        f"{_range(row['gains'])}  {'left alone' if row['left alone'] else ''}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
