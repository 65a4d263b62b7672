"""What isogain does with models that nobody here wrote: a standing survey of other libraries.

    python benchmarks/wild.py --store FILE                     # check all that the store does not hold yet
    python benchmarks/wild.py --store FILE --only timm/,xlstm  # names with such a part
    python benchmarks/wild.py --store FILE --train 30          # own start against init_, 100 steps
    python benchmarks/wild.py --store FILE --table             # docs/wild.md from what is stored
    python benchmarks/wild.py --list

Each model runs in a process of its own with a time limit.  Results are kept by the library's version and
isogain's commit.  A coin (a hash of the name) puts each model into one of two halves: `tune` is looked at
while isogain is mended, `report` only counted (`--half`).  Libraries that are not installed are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from survey import page
from survey.models import every
from survey.running import Store, Unit, chosen, run


def told(record: dict[str, Any]) -> str:
    """One line of what a check found."""
    if "failed" in record or record["start"]:
        return f"{record['model']} {record['start']} {record['seed']}: " + str(
            record.get("failed") or record.get("last", "left alone")
        )
    own = record["own"]
    starts = ", ".join(f"{name} {page.outcome(record, name)}" for name in ("default", "forced"))
    cost = f"inspect {own.get('inspect_s', 0):.2f} s, pass {own.get('pass_s', 0):.3f} s"
    return f"{record['model']}: {own['verdict']}; {starts}; {cost}"


def main() -> None:
    """Run what is asked for."""
    options = _arguments()
    models = chosen(options.only, options.half)
    if options.list:
        print("\n".join(f"{m.half:7} {m.name}" for m in models))
        return
    store = Store(options.store)
    if options.table:
        page.write(store, every())
        return
    units = [Unit(model.name) for model in models]
    if options.train:
        units = page.trainings(store, models, options.train, options.seeds)
    for record in run(units, store, options.limit):
        print(told(record), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path, default=Path("wild.jsonl"), help="where results are kept")
    parser.add_argument("--only", default="", help="parts of names, with commas between")
    parser.add_argument("--half", choices=("both", "tune", "report"), default="both")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of one core for one model")
    parser.add_argument(
        "--train", type=int, default=0, metavar="N", help="train N of the models that init_ drew"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="write docs/wild.md")
    parser.add_argument("--list", action="store_true", help="the models and their halves")
    return parser.parse_args()


if __name__ == "__main__":
    main()
