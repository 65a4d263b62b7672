"""Random bad calls of every public function: how many end in another exception than isogain's own.

    python benchmarks/arguments.py [--calls 100000] [--seed 0] [--frameworks] [--show 20]

Prints the calls that were taken, refused and failed otherwise, and the slowest; exits with 1 if one failed.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import time
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import isogain as ig
from argument_calls import Spoiled, spoiled, subjects


def main() -> None:
    """Make the calls and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frameworks", action="store_true", help="isogain.torch's, jax's and keras' too")
    parser.add_argument("--only", default="", help="subjects whose name has this in it")
    parser.add_argument("--show", type=int, default=20, help="failures to print")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    found = subjects()
    if options.frameworks:
        from argument_frameworks import framework_subjects

        found += framework_subjects()
    found = [one for one in found if options.only in one.name]
    choose, weights = random.Random(options.seed), [1 / one.cost for one in found]
    counts: collections.Counter[str] = collections.Counter()
    failed: dict[str, list[Spoiled]] = collections.defaultdict(list)
    slowest = (0.0, "none")
    for subject in choose.choices(found, weights, k=options.calls):
        call = spoiled(subject, choose)
        start = time.perf_counter()
        counts[outcome(call, failed)] += 1
        slowest = max(slowest, (time.perf_counter() - start, repr(call)))
    for place, calls in sorted(failed.items(), key=lambda item: -len(item[1]))[: options.show]:
        print(f"{len(calls)} x {place}\n    {calls[0]}")
    print(f"{options.calls} calls of {len(found)} functions: {dict(counts)}")
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    sys.exit(counts["failed"] > 0)


def outcome(call: Spoiled, failed: dict[str, list[Spoiled]]) -> str:
    """taken, refused (by one of isogain's errors) or failed, with its place noted."""
    try:
        call.make()
    except ig.IsogainError:
        return "refused"
    except Exception as error:
        last = [one for one in traceback.extract_tb(error.__traceback__) if "isogain" in one.filename][-1:]
        where = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"
        failed[f"{call.subject.name}: {type(error).__name__} at {where}: {str(error)[:90]}"].append(call)
        return "failed"
    return "taken"


if __name__ == "__main__":
    main()
