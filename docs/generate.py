"""Write the documentation pages that are made from isogain's own tables (`make docs`).

tests/test_docs.py fails when a page is older than its table.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path

import isogain as ig
from isogain.core.names.rows import Row
from isogain.libraries.page import atlas_page, changes_page

HERE = Path(__file__).parent

HEAD = """# The catalog

Every name that `ig.get` and `isogain catalog` know, by what it is for: its law, what it needs beside a
shape, its source. This page and its pictures are made from the table in the code (`make docs`).

A name may be written with any capitals, `-` or `_`: `he_normal`, `HeNormal`, `he-normal`. Parameters go
behind it: `ig.get("caffe.xavier", variance_norm="AVERAGE")`, `ig.get("gpt2", role="branch_end", layers=12)`.
In isogain's own rows the fans come from the [layout](initializers.md#layouts-and-fans); a dialect's row
reproduces its framework's law, fan rule and truncation exactly, defects included, and its note says where
that differs. Rows that read data or weights name the function to call. What could not be confirmed in a paper
or its authors' code is marked *uncertain*.

Elementwise laws are drawn weight by weight, others (orthogonal, Hadamard, HiPPO, ...) are built from the
parameter's own keyed stream: either way the numbers are a function of seed, path and index alone.

In the pictures each matrix is an example draw, blue below 0, red above, over the histogram of a larger one.
"""


def catalog_page() -> str:
    """docs/catalog.md as text."""
    parts = [HEAD]
    for group, rows in groupby(ig.catalog(), key=lambda row: row.group):
        parts.append(f"\n## {group[0].upper()}{group[1:]}\n")
        if (HERE / "images" / f"catalog-{slug(group)}.png").exists():
            parts.append(f"![{group}: matrices and histograms](images/catalog-{slug(group)}.png)\n")
        parts.append("| name and parameters | law | needs | note | source |\n|---|---|---|---|---|")
        parts.extend(map(_line, rows))
    return "\n".join(parts) + "\n"


def slug(group: str) -> str:
    """The name of a group in a file name."""
    return re.sub(r"[^a-z]+", "-", group).strip("-")


def _line(row: Row) -> str:
    also = f"<br>also {', '.join(f'`{name}`' for name in row.aliases)}" if row.aliases else ""
    note = " ".join(row.summary.split())
    if row.uncertain:
        note += f" *Uncertain: {row.uncertain}.*"
    name = f"`{row.function}`" if row.function else f"`{row.name}{row.signature}`"
    name = f"`{row.name}`: {name}" if row.function else name
    source = f"{row.source} ({row.version})" if row.version else row.source
    cells = (f"{name}{also}", row.formula, ", ".join(row.needs), note, source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


PAGES = {"catalog.md": catalog_page, "atlas.md": atlas_page, "atlas_changes.md": changes_page}

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    from pictures import write

    for path in write(HERE / "images"):
        print(f"wrote docs/images/{path.name}")
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
        print(f"wrote docs/{name}")
