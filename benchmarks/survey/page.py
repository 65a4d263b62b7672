"""docs/wild.md from what is stored: counts, every alarm, every start that init_ changed, every training."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from survey.judged import JUDGED, Judgement
from survey.models import Model
from survey.running import Store, Unit, commit
from survey.training import compared

Record = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "wild.md"
BEGIN, END = "<!-- survey -->", "<!-- end of survey -->"
RANK = {"healthy": 0, "warning": 1, "critical": 2, "raised": 3}


def outcome(record: Record, start: str) -> str:
    """What `init_` did, in a word or two."""
    found = record[start]
    if found["raised"]:
        return "raised"
    if not found["drew"]:
        return "left"
    after = found["after"]
    return f"drew ({after['verdict']}, loss {_number(record['own']['loss'])} to {_number(after['loss'])})"


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def worse(record: Record, start: str) -> bool:
    """By inspect itself: the verdict after is graver than before."""
    found = record[start]
    return bool(found["drew"]) and RANK[found["after"]["verdict"]] > RANK[record["own"]["verdict"]]


def doubled(record: Record, start: str) -> bool:
    """The loss at the start is no number any more, or more than twice what it was (and by more than .1)."""
    found = record[start]
    if not found["drew"]:
        return False
    before, after = record["own"]["loss"], found["after"]["loss"]
    return not math.isfinite(after) or after - before > max(abs(before), 0.1)


def alarmed(record: Record) -> bool:
    """Whether inspect said anything but healthy."""
    return record["own"]["verdict"] != "healthy"


def false(record: Record) -> bool:
    """An alarm that direct measurement did not bear out."""
    judged = JUDGED.get(record["model"])
    return alarmed(record) and judged is not None and judged.kind == "false"


COUNTS: Mapping[str, Callable[[Record], bool]] = {
    "models": lambda r: True,
    "crashes of inspect": lambda r: r["own"]["verdict"] == "raised",
    "changed by inspect": lambda r: not r["unchanged"],
    "healthy": lambda r: not alarmed(r),
    "warning": lambda r: r["own"]["verdict"] == "warning",
    "critical": lambda r: r["own"]["verdict"] == "critical",
    "false alarms": false,
    "not judged": lambda r: alarmed(r) and r["model"] not in JUDGED,
    "default drew": lambda r: r["default"]["drew"],
    "default raised": lambda r: bool(r["default"]["raised"]),
    "default worse by inspect": lambda r: worse(r, "default"),
    "default loss doubled": lambda r: doubled(r, "default"),
    "forced drew": lambda r: r["forced"]["drew"],
    "forced raised": lambda r: bool(r["forced"]["raised"]),
    "forced worse by inspect": lambda r: worse(r, "forced"),
    "forced loss doubled": lambda r: doubled(r, "forced"),
}


def newest(store: Store, models: Mapping[str, Model]) -> tuple[list[Record], list[Record]]:
    """Finished checks, and trainings, of this version of isogain."""
    mine = [r for r in store.records().values() if r["isogain"] in ("", commit()) and r["model"] in models]
    kept = {(r["model"], r["start"], r["seed"]): r for r in mine}
    done = [record for record in kept.values() if "failed" not in record]
    return [r for r in done if not r["start"]], [r for r in done if r["start"]]


def trainings(store: Store, models: Iterable[Model], number: int, seeds: int) -> list[Unit]:
    """Which models to train: alarms first, then what init_ draws, in the order of a hash."""
    names = {model.name: model for model in models}
    checks, _ = newest(store, names)
    open_ = [
        r
        for r in checks
        if names[r["model"]].trains
        and (r["forced"]["drew"] or alarmed(r))
        and r["own"].get("pass_s", 1.0) < 0.1
    ]
    open_.sort(key=lambda r: (not alarmed(r), hashlib.blake2b(b"train " + r["model"].encode()).digest()))
    return [
        Unit(r["model"], start, seed)
        for r in open_[:number]
        for seed in range(seeds)
        for start in ("own", "forced")
    ]


def write(store: Store, models: Mapping[str, Model]) -> None:
    """Puts the tables between the page's markers."""
    checks, trained = newest(store, models)
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    parts = [
        halves(checks, models),
        libraries(checks, models),
        alarms(checks),
        changes(checks),
        training(trained),
    ]
    PAGE.write_text(before + BEGIN + "\n\n" + "\n\n".join(parts) + "\n\n" + END + rest.split(END)[1])


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        for row in rows
    ]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines])


def halves(checks: list[Record], models: Mapping[str, Model]) -> str:
    """The counts of the half that was only counted, and of both."""
    report = [record for record in checks if models[record["model"]].half == "report"]
    rows = [(name, sum(map(says, report)), sum(map(says, checks))) for name, says in COUNTS.items()]
    return "## Counts\n\n" + table(("what", "report half", "both halves"), rows)


def libraries(checks: list[Record], models: Mapping[str, Model]) -> str:
    """The counts of each library."""
    shown = ("models", "healthy", "warning", "critical", "false alarms", "default drew",
             "default worse by inspect", "default loss doubled", "forced loss doubled")  # fmt: skip
    names = sorted({models[record["model"]].library for record in checks}, key=str.lower)
    rows = []
    for name in names:
        mine = [record for record in checks if models[record["model"]].library == name]
        rows.append((f"{name} {mine[0]['version']}", *(sum(map(COUNTS[what], mine)) for what in shown)))
    return "## By library\n\n" + table(("library", *shown), rows)


def alarms(checks: list[Record]) -> str:
    """Each alarm with what was measured beside it."""
    rows = []
    for record in sorted(filter(alarmed, checks), key=lambda r: r["model"].lower()):
        grave = [f for f in record["own"]["findings"] if f["severity"] == record["own"]["verdict"]]
        found = (
            grave[0] if grave else {"code": "raised", "path": "", "measured": record["own"].get("error", "")}
        )
        judged = JUDGED.get(record["model"], Judgement("not judged", ""))
        said = f"{record['own']['verdict']}: {found['code']} {found['path']}: {found['measured']}"
        rows.append((record["model"], said, judged.kind, judged.measured))
    return "## Each alarm\n\n" + table(("model", "inspect says", "that is", "measured directly"), rows)


def changes(checks: list[Record]) -> str:
    """What init_ made of the models it drew, where that is not plainly well."""
    rows = [
        (record["model"], start, record["own"]["verdict"], record[start]["raised"] or outcome(record, start))
        for record in sorted(checks, key=lambda r: r["model"].lower())
        for start in ("default", "forced")
        if record[start]["raised"] or worse(record, start) or doubled(record, start)
    ]
    return "## What init_ made worse\n\n" + (
        table(("model", "how", "before", "after"), rows) if rows else "Nothing."
    )


def training(trained: list[Record]) -> str:
    """Own start against init_, a hundred steps."""
    by: dict[tuple[str, str], list[Record]] = {}
    for record in trained:
        by.setdefault((record["model"], record["start"]), []).append(record)
    rows, words = [], Counter[str]()
    for name in sorted({model for model, _ in by}, key=str.lower):
        own, ours = by.get((name, "own"), []), by.get((name, "forced"), [])
        drawn = [run for run in ours if run["drew"]]
        if not own or not drawn:
            continue
        word = compared([run["last"] for run in own], [run["last"] for run in drawn])
        words[word] += 1
        rows.append((name, *(_course(runs) for runs in (own, drawn)), word))
    told = ", ".join(f"{count} {word}" for word, count in words.most_common())
    return f"## Trained\n\n{told or 'Nothing yet'}.\n\n" + table(
        ("model", "own start", "init_", "init_ is"), rows
    )


def _course(runs: list[Record]) -> str:
    ends = [run["last"] for run in runs]
    spread = f" ({_number(min(ends))} to {_number(max(ends))})" if len(ends) > 1 else ""
    return f"{_number(mean(run['first'] for run in runs))}, then {_number(mean(ends))}{spread}"
