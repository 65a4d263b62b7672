"""The atlas as Markdown: the page of the documentation is made from the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from isogain.libraries.changes import Change, changes, compared
from isogain.libraries.table import ModelStart, atlas, version_key

__all__ = ["atlas_page", "changes_page"]

HEAD = """# The atlas: what other libraries start with

{models} models of {libraries} libraries, small, built by their own constructors: every kind of parameter,
the law it starts from, and the file and line that wrote it, as `igt.own_plan` reads them; what `inspect`
says of the start where the model was small enough to be run. The layers of frameworks are rows of [the
catalog](catalog.md), which `ig.default("torch.nn.Linear")` reads ([porting](porting.md)). This page is made
from the table in the package (`make docs`); `benchmarks/atlas.py` writes the table from whatever of the
libraries is installed. [What changed between releases](atlas_changes.md) compares versions.

```
isogain atlas timm/resnet26           # one model whole
isogain atlas "diffusers zero"        # models whose names, laws, places or findings contain the words
isogain atlas torch.nn.LSTM           # a layer
```

```python
import isogain as ig

table = ig.atlas()
print(table["transformers/gpt2"].starts[0].law)
print(sorted(table.search("zuko"), key=lambda one: one.model)[0].model)
```

```output
Normal(std=0.02, mean=0.0)
zuko/BPF
```

## Laws, by how many models have them

{laws}
"""
CHANGES = """# What changed between releases

The same models in two versions of their library, kind by kind of parameter; lines that only moved are not
shown. A class that was renamed is gone under its old name and comes under the new one; so does a tied weight
that another module holds now. "Computed" and "nothing is known" are what could be read, not laws.

Made from the table of [the atlas](atlas.md), to which each version was added by its own environment:

```
pip install torch==2.13.0 transformers==4.57.1        # in a fresh environment, with isogain
python benchmarks/atlas.py --only transformers/       # adds a row for every model in that version
make docs                                             # renews this page
```

"""
MOST = 40


def atlas_page() -> str:
    """docs/atlas.md as text."""
    table = list(atlas())
    newest = {one.model: one for one in sorted(table, key=lambda one: version_key(one.version))}
    parts = [
        HEAD.format(
            models=len(newest),
            libraries=len({one.library for one in table}),
            laws=_laws(list(newest.values())),
        )
    ]
    for library, models in groupby(
        sorted(newest.values(), key=lambda one: (one.library.lower(), one.model.lower())),
        key=lambda one: one.library,
    ):
        rows = list(models)
        parts.append(f"\n## {library} {rows[-1].version}\n\n| model | start | inspect |\n|---|---|---|")
        parts.extend(map(_row, rows))
    return "\n".join(parts) + "\n"


def _laws(models: Sequence[ModelStart]) -> str:
    """The commonest laws, with a bar for each."""
    counts: Counter[str] = Counter()
    for one in models:
        counts.update({kind.law for kind in one.starts if kind.law})
    lines = ["| law | models | |", "|---|---|---|"]
    for law, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST]:
        lines.append(f"| `{law}` | {count} | {'█' * max(round(30 * count / len(models)), 1)} |")
    return "\n".join(lines)


def _row(model: ModelStart) -> str:
    found = f": {', '.join(model.findings)}" if model.findings else ""
    verdict = f"{model.verdict}{found}" if model.verdict else ""
    return f"| {model.model.partition('/')[2]} | {'<br>'.join(_kinds(model))} | {verdict} |"


def _kinds(model: ModelStart) -> Iterator[str]:
    """One line for each law and place, with the kinds that have them."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for one in model.starts:
        grouped.setdefault((one.law or one.where.partition(":")[0], _place(one.where)), []).append(one.kind)
    for (law, where), kinds in grouped.items():
        names = ", ".join(dict.fromkeys(kinds))
        yield f"{names}: `{law}` ({where})".replace("|", "\\|")


def _place(where: str) -> str:
    """The last line that wrote it, without what came before."""
    return where.rpartition(", ")[2].rpartition(": ")[2]


def changes_page() -> str:
    """docs/atlas_changes.md as text."""
    parts, found = [CHANGES], sorted(changes(list(atlas())), key=_order)
    for (library, old, new), count in sorted(compared(list(atlas())).items()):
        rows = [one for one in found if (one.library, one.old, one.new) == (library, old, new)]
        parts.append(f"\n## {library} {old} → {new}\n\n{count} models compared; {len(rows)} kinds changed.")
        if rows:
            parts.append("\n| model | parameter | before | after | where |\n|---|---|---|---|---|")
            parts.extend(map(_changed, rows))
    return "\n".join(parts) + "\n"


def _changed(one: Change) -> str:
    laws = f"`{one.before or '-'}` | `{one.after or '-'}`"
    return f"| {one.model.partition('/')[2]} | {one.kind} | {laws} | {_place(one.where)} |"


def _order(change: Change) -> tuple[str, str, str, str, str]:
    return change.library, change.old, change.new, change.model, change.kind
