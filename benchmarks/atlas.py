"""Writes the atlas: what the models of other libraries start with, and where that is written.

    pip install torch timm torchvision transformers ...       # any of the survey's, in its own environment
    python benchmarks/atlas.py                                # adds what the table does not hold
    python benchmarks/atlas.py --only timm/,diffusers/        # names with such a part
    python benchmarks/atlas.py --again                        # measures those anew that are held

Every model is recorded by `igt.deferred` without memory and read by `igt.own_plan`: each kind of parameter,
its law, the file and line.  Small ones are then built and inspected.  The table keeps one line for each
model and version, so that two runs with two versions of a library are what `docs/atlas.md` compares.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import math
import multiprocessing
import resource
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from isogain.core.geometry.fans import FRAMEWORK_RULES

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "src" / "isogain" / "libraries" / "models.jsonl"
MOST_LAWS = 4
"""Of one kind of parameter; more are told as a range."""
SMALL = 3_000_000
"""Parameters up to which a model is built and inspected."""
Record = dict[str, Any]


def models() -> dict[str, tuple[str, Callable[[], Any], Any]]:
    """Name -> (library, constructor, its batch, None for none): the survey's models, the test corpus of
    transformers, and those of `atlas_models`."""
    sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]
    from atlas_models import more
    from corpus.architectures import ARCHITECTURES
    from survey import operators  # noqa: F401  (before torchvision is imported by anyone)
    from survey.models import every

    found = {m.name: (m.library, m.build, m.task) for m in every().values()}
    surveyed = {plain(name) for name in found}
    for name, make in ARCHITECTURES.items():
        if plain(f"transformers/{name}") not in surveyed:  # once each: "GPTNeoX" is "gpt-neox"
            task = lambda seed, make=make: (make()[1], None)  # noqa: E731
            found[f"transformers/{name}"] = ("transformers", lambda make=make: make()[0], task)
    return found | {name: (library, build, None) for name, library, build in more()}


def plain(name: str) -> str:
    """A model's name without case and hyphens."""
    return name.lower().replace("-", "")


def read(build: Callable[[], Any]) -> Record:
    """The kinds of parameters of a model's own start."""
    import isogain.torch as igt

    model = igt.deferred(build)
    plan = igt.own_plan(model)
    kinds = defaultdict(list)
    for entry in plan.values():
        kinds[entry.role].append((entry, law_of(entry, plan)))
    return {
        "parameters": sum(one.numel() for one in model.parameters()),
        "starts": [line for role, entries in kinds.items() for line in lines(role, entries)],
    }


def lines(role: str, entries: list[tuple[Any, str]]) -> Iterator[Record]:
    """One record for each law and line of a kind of parameter; of many, for each law, or class of laws."""
    for key in (
        lambda law, entry: (law, entry.reason),
        lambda law, entry: law,
        lambda law, entry: law.partition("(")[0],
    ):
        laws = defaultdict(list)
        for entry, law in entries:
            laws[key(law, entry)].append((entry, law))
        if len(laws) <= MOST_LAWS:
            break
    for same in laws.values():
        places, told = dict.fromkeys(within(entry.reason) for entry, _ in same), {law for _, law in same}
        more = f", and {len(places) - 1} more" if len(places) > 1 else ""
        first = same[0][0]
        yield {"kind": role, "law": told.pop() if len(told) == 1 else spread([entry for entry, _ in same]),
               "where": next(iter(places)) + more, "count": len(same), "example": first.path,
               "shape": list(first.shape)}  # fmt: skip


def within(where: str) -> str:
    """A place without the folder that the library happens to be in."""
    for folder in filter(None, sys.path):
        where = where.replace(f"{folder}/", "")
    return where


def law_of(entry: Any, plan: Any) -> str:
    """The law as it is printed; empty where it has none.  Of a bias: its weight's fan."""
    law, weight = entry.initializer, entry.path.removesuffix("bias") + "weight"
    if law is None:
        return ""
    if (
        type(law).__name__ == "Uniform"
        and entry.path.endswith("bias")
        and weight in plan
        and plan[weight].fans
    ):
        fans = FRAMEWORK_RULES["torch"](plan[weight].shape)
        if math.isclose(law.high**2 * fans.fan_in, 1, rel_tol=1e-5) and law.low == -law.high:
            return "U(±1/√fan_in of its weight)"
    return repr(law)


def spread(entries: list[Any]) -> str:
    """A class of laws, and from what to what their deviations go."""
    from isogain.core.geometry.layout import implied

    found = [
        e.initializer.law(e.shape, layout=implied(e.layout), groups=e.groups).std
        for e in entries
        if e.initializer
    ]
    return (
        f"{type(entries[0].initializer).__name__}(std {min(found):.3g} to {max(found):.3g})" if found else ""
    )


def looked_at(build: Callable[[], Any], task: Any) -> Record:
    """What inspect finds at the start."""
    import torch

    import isogain.torch as igt

    torch.manual_seed(0)
    inputs, loss = task(0)
    report = igt.inspect(build().train(), inputs, loss=loss)
    return {
        "verdict": report.verdict,
        "findings": sorted({one.code for one in report.findings if one.severity != "info"}),
    }


def work(answer: Any, build: Callable[[], Any], task: Any, limit: int, inspected: bool) -> None:
    """One model, in a process of its own."""
    import torch

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_DATA, (6 << 30, 6 << 30))
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            found = read(build)
        except Exception as error:
            found = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        answer.send(found)
        if inspected and found.get("parameters", SMALL + 1) <= SMALL:
            try:
                answer.send(looked_at(build, task))
            except Exception as error:
                answer.send({"verdict": "", "findings": [], "failed_inspect": f"{type(error).__name__}"})


def apart(build: Callable[[], Any], task: Any, limit: int, inspected: bool) -> Record:
    """The record, made in a fork with a limit on its time."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(theirs, build, task, limit, inspected))
    process.start()
    theirs.close()
    found: Record = {}
    try:
        while ours.poll(4 * limit):
            found |= ours.recv()
    except EOFError:
        pass
    finally:
        process.kill()
        process.join()
    return found or {"failed": f"not finished in {limit} s"}


def held() -> dict[tuple[str, str], Record]:
    """The table as it is: (name, version) -> record."""
    texts = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    return {(record["model"], record["version"]): record for record in map(json.loads, texts)}


def write(table: dict[tuple[str, str], Record]) -> None:
    """The table in the order of its names."""
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps(table[key], ensure_ascii=False, separators=(",", ":")) for key in sorted(table))
    TABLE.write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    """Reads every model that is asked for and installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="parts of names, with commas between")
    parser.add_argument("--again", action="store_true")
    parser.add_argument(
        "--starts", action="store_true", help="read starts alone, and keep what inspect said before"
    )
    parser.add_argument("--limit", type=int, default=40, help="seconds of one core for one model")
    options = parser.parse_args()
    import torch  # noqa: F401  (once, before every fork)

    import isogain.torch  # noqa: F401

    table = held()
    for name, (library, build, task) in models().items():
        try:
            installed = version(library)
        except Exception:
            continue
        if not any(part in name for part in options.only.split(",")):
            continue
        if (name, installed) in table and not (options.again or options.starts):
            continue
        with contextlib.suppress(Exception):
            __import__(library.replace("-", "_"))
        kept = table.get((name, installed), {}) if options.starts else {}
        told = {key: kept[key] for key in ("verdict", "findings") if key in kept}
        record = {"model": name, "library": library, "version": installed, **told}
        record |= apart(build, task, options.limit, task is not None and not options.starts)
        print(
            name,
            record.get("failed") or f"{len(record['starts'])} laws, {record.get('verdict', 'not inspected')}",
            flush=True,
        )
        if "failed" not in record:
            table[name, installed] = record
            write(table)


if __name__ == "__main__":
    main()
