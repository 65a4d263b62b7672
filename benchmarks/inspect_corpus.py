"""Recall on the broken starts and false alarms on the healthy ones, over seeds.

    python benchmarks/inspect_corpus.py [--seeds 3] [--only NAME] [--verbose] [--half report]
    python benchmarks/inspect_corpus.py --architectures

Prints every miss and every false alarm, then both rates.  With --half: only the starts of broken_closer and
healthy_closer, one half of them by a hash of the name: rules are mended on 'tune', and 'report' counts.  With
--architectures instead: the default starts of transformers' architectures, every one that gets a warning, the
least share of parameters followed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import isogain.torch as igt
from corpus import (  # noqa: F401  (fills the registries)
    broken,
    broken_closer,
    broken_kinds,
    healthy,
    healthy_closer,
    healthy_kinds,
)
from corpus.cases import BROKEN, HEALTHY, Case, half
from isogain.inspect import Report


def report_of(case: Case, seed: int) -> Report:
    """The inspection of one case."""
    model, inputs, loss = case.build(seed)
    return igt.inspect(model, inputs, loss)


def raised(report: Report) -> set[str]:
    """Codes above info."""
    return {finding.code for finding in report.findings if finding.severity != "info"}


def main() -> None:
    """Run the corpus and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--half", choices=("tune", "report"))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--architectures", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    if options.architectures:
        architectures(options.seeds, options.only)
        return
    for title, cases in (("broken", BROKEN), ("healthy", HEALTHY)):
        chosen = [
            c for c in cases.values() if options.only in c.name and available(c) and _drawn(c, options.half)
        ]
        right = [judge(case, seed, options.verbose) for case in chosen for seed in range(options.seeds)]
        word = "recall" if title == "broken" else "quiet"
        if right:
            print(
                f"{title}: {len(chosen)} starts x {options.seeds} seeds, {word} {sum(right) / len(right):.1%}"
            )


def _drawn(case: Case, wanted: str | None) -> bool:
    """Whether a case is of the half that is asked for."""
    return wanted is None or (case.make.__module__.endswith("_closer") and half(case.name) == wanted)


def architectures(seeds: int, only: str) -> None:
    """Every architecture's own start; efficientnet, slow for its denormal numbers, once."""
    from corpus.architectures import ARCHITECTURES

    chosen = [name for name in ARCHITECTURES if only in name]
    runs, raised, least = 0, 0, 1.0
    for name in chosen:
        for seed in range(1 if name == "efficientnet" else seeds):
            torch.manual_seed(seed)
            report = igt.inspect(*ARCHITECTURES[name]())
            runs, raised = runs + 1, raised + (report.verdict != "healthy")
            least = min(least, report.coverage.share)
            for finding in report.findings:
                if finding.severity != "info":
                    said = f"{finding.measured}; expected {finding.expected}; {finding.why}"
                    print(f"{name} seed {seed}: {finding.severity} {finding.key}: {said}")
    print(f"{len(chosen)} architectures, {runs} starts: {raised} above info; at least {least:.1%} followed")


def available(case: Case) -> bool:
    """Whether the package it needs is installed."""
    return not case.needs or importlib.util.find_spec(case.needs) is not None


def judge(case: Case, seed: int, verbose: bool) -> bool:
    """Whether the report says what the label says; prints it where it does not."""
    report = report_of(case, seed)
    codes = raised(report)
    good = bool(case.codes & codes) if case.codes else not codes
    if not good or verbose:
        label = ", ".join(sorted(case.codes)) or "healthy"
        print(f"{'ok  ' if good else 'BAD '} {case.name} seed {seed}: wanted {label}; {report.verdict}")
        for finding in report.findings:
            print(
                f"       {finding.severity} {finding.key}: {finding.measured}; expected "
                f"{finding.expected}; {finding.why}"
            )
    return good


if __name__ == "__main__":
    main()
