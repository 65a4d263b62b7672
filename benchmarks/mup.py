"""Does the best learning rate stay where it is as a network grows?  muP against the usual parametrization.

    python benchmarks/mup.py --widths 64,128,256,512,1024

A small character transformer (two blocks, heads of 16) learns the source text of Python's own standard
library, which every interpreter has.  For every width and parametrization, rates of a grid of factors of
two are trained until both neighbours of the best are worse; the optimum is where the parabola through
these three losses, over ln rate, is lowest.  Every run is appended to benchmarks/mup.jsonl and not
repeated; the numbers in docs/recipes.md come from there.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import isogain.torch as igt

CONTEXT, BATCH, HEAD, BASE, STEPS = 32, 8, 16, 64, 60
RECIPES = {"mup": "muP", "usual": "usual parametrization"}
RUNS = Path(__file__).resolve().parent / "mup.jsonl"
GRID = [2.0**-k for k in range(13, 1, -1)]


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width, bias=False)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.before(x)
        parts = (
            layer(normed).unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.narrow(functional.gelu(self.wide(self.between(x))))


class Characters(nn.Module):
    """Two blocks over characters."""

    def __init__(self, width: int, characters: int, blocks: int = 2) -> None:
        super().__init__()
        self.table = nn.Embedding(characters, width)
        self.places = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        x = self.table(text) + self.places(torch.arange(text.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def corpus() -> torch.Tensor:
    """The interpreter's own standard library, a few hundred kilobytes of it, as character numbers."""
    folder = Path(json.__file__).parent.parent
    names = ("argparse.py", "ast.py", "datetime.py", "inspect.py", "tarfile.py", "typing.py")
    found = [(folder / name).read_text(encoding="utf-8") for name in names if (folder / name).exists()]
    text = "".join("".join(found).encode("ascii", "ignore").decode())
    letters = {letter: number for number, letter in enumerate(sorted(set(text)))}
    return torch.tensor([letters[letter] for letter in text])


def batch_of(text: torch.Tensor, step: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same batch for every width, rate and recipe."""
    chosen = torch.Generator().manual_seed(1_000_003 * seed + step)
    starts = torch.randint(0, len(text) - CONTEXT - 1, (BATCH,), generator=chosen)
    rows = torch.stack([text[start : start + CONTEXT + 1] for start in starts.tolist()])
    return rows[:, :-1], rows[:, 1:]


def start(
    width: int, characters: int, recipe: str, lr: float, seed: int
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A model and its optimizer; as usual is PyTorch's own start with one rate for all."""
    torch.manual_seed(seed)
    model = Characters(width, characters)
    groups = [{"params": list(model.parameters()), "lr": lr}]
    if recipe == "mup":
        text = torch.zeros(2, CONTEXT, dtype=torch.long)
        plan = igt.plan(model, text, recipe="mup", base=Characters(BASE, characters))
        igt.apply_(model, plan, seed=seed)
        groups = plan.param_groups(lr, "adam")
    return model, torch.optim.Adam(groups, betas=(0.9, 0.95))


def train(text: torch.Tensor, width: int, recipe: str, lr: float, seed: int) -> float:
    """Mean loss over the last fifth of the steps; infinity where it diverged."""
    model, optimizer = start(width, int(text.max()) + 1, recipe, lr, seed)
    losses = []
    for step in range(STEPS):
        inputs, targets = batch_of(text, step, seed)
        loss = functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            return math.inf
    return float(np.mean(losses[-STEPS // 5 :]))


class Runs:
    """Every run there is, by (recipe, width, rate, seed); new ones are made when asked for, and kept."""

    def __init__(self, text: torch.Tensor) -> None:
        self.text = text
        lines = RUNS.read_text(encoding="utf-8").splitlines() if RUNS.exists() else []
        self.known = {self._key(row): row["loss"] for row in map(json.loads, lines)}

    @staticmethod
    def _key(row: dict) -> tuple:
        return row["recipe"], row["width"], row["lr"], row["seed"]

    def loss(self, recipe: str, width: int, lr: float, seeds: int) -> float:
        """The mean over seeds."""
        return float(np.mean([self._one(recipe, width, lr, seed) for seed in range(seeds)]))

    def _one(self, recipe: str, width: int, lr: float, seed: int) -> float:
        row = {"recipe": recipe, "width": width, "lr": lr, "seed": seed}
        if self._key(row) not in self.known:
            row["loss"] = self.known[self._key(row)] = train(self.text, width, recipe, lr, seed)
            with RUNS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        return self.known[self._key(row)]


def optimum(losses: dict[float, float]) -> float:
    """Where the parabola through the lowest loss and its neighbours, over ln rate, is lowest."""
    rates = sorted(losses)
    best = min(range(len(rates)), key=lambda k: losses[rates[k]])
    if best in (0, len(rates) - 1) or not all(math.isfinite(losses[rates[k]]) for k in (best - 1, best + 1)):
        return rates[best]
    x = np.log([rates[best + k] for k in (-1, 0, 1)])
    a, b, _ = np.polyfit(x, [losses[rates[best + k]] for k in (-1, 0, 1)], 2)
    return float(np.exp(-b / (2 * a))) if a > 0 else rates[best]


def sweep(runs: Runs, recipe: str, widths: list[int], seeds: int) -> dict[int, float]:
    """Width -> the best rate, walking from the last width's until both neighbours are worse."""
    found: dict[int, float] = {}
    at = len(GRID) // 2
    for width in widths:
        losses: dict[float, float] = {}
        while True:
            around = [k for k in (at - 1, at, at + 1) if 0 <= k < len(GRID)]
            losses |= {GRID[k]: runs.loss(recipe, width, GRID[k], seeds) for k in around}
            best = min(around, key=lambda k: losses[GRID[k]])
            if best == at:
                break
            at = best
        found[width] = optimum(losses)
        shown = ", ".join(f"{rate:.2g}: {loss:.3f}" for rate, loss in sorted(losses.items()))
        print(f"{RECIPES[recipe]}, width {width}: best rate {found[width]:.4g}  (losses {shown})", flush=True)
    return found


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", default="64,128,256,512")
    parser.add_argument("--recipes", default="mup,usual")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--check", default="", help="widths of a coordinate check, for example 64,128,256,512"
    )
    parser.add_argument("--pictures", type=Path, help="folder for the coordinate checks' pictures")
    given = parser.parse_args()
    text, widths = corpus(), [int(one) for one in given.widths.split(",")]
    for recipe in given.recipes.split(",") if given.recipes else ():
        rates = sweep(Runs(text), recipe, widths, given.seeds)
        moved = max(rates.values()) / min(rates.values())
        print(
            f"{RECIPES[recipe]}: the best rate moves by a factor of {moved:.2f} over widths {widths}",
            flush=True,
        )
    if given.check:
        coordinate_checks(text, [int(one) for one in given.check.split(",")], given.pictures)


def coordinate_checks(text: torch.Tensor, widths: list[int], folder: Path | None) -> None:
    """Slopes and spreads of every layer, muP and as usual."""
    characters = int(text.max()) + 1
    inputs, targets = batch_of(text, 0, 0)

    def loss(output: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(output.flatten(0, 1), targets.flatten())

    for recipe in ("mup", None):
        check = igt.coordinate_check(
            lambda width: Characters(width, characters), widths, inputs, recipe=recipe, loss=loss, lr=2**-8
        )
        print(check, flush=True)
        if folder is not None:
            name = f"coordinate-check-{'mup' if recipe else 'usual'}.png"
            check.to_png(folder).rename(folder / name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
