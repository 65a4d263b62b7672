"""Recall on the broken starts and false alarms on the healthy ones, over seeds.

    python benchmarks/inspect_corpus.py [--seeds 3] [--only NAME] [--verbose]

Prints every miss and every false alarm, then both rates.
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
from corpus import broken, healthy  # noqa: F401  (fills the registries)
from corpus.cases import BROKEN, HEALTHY, Case
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
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for title, cases in (("broken", BROKEN), ("healthy", HEALTHY)):
        chosen = [c for c in cases.values() if options.only in c.name and available(c)]
        right = [judge(case, seed, options.verbose) for case in chosen for seed in range(options.seeds)]
        word = "recall" if title == "broken" else "quiet"
        if right:
            print(
                f"{title}: {len(chosen)} starts x {options.seeds} seeds, {word} {sum(right) / len(right):.1%}"
            )


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
