"""Write the documentation pages that are made from isogain's own tables (`make docs`).

tests/test_docs.py fails when a page is older than its table.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import isogain as ig
from isogain.core.catalog import Row

HERE = Path(__file__).parent

HEAD = """# The catalog

Every name that `ig.get` and `isogain catalog` know, with its law and its source. This page is made
from the table in the code (`make docs`).

A name may be written with any capitals, `-` or `_`: `he_normal`, `HeNormal`, `he-normal`. Parameters go
behind it: `ig.get("caffe.xavier", variance_norm="AVERAGE")`. In isogain's own rows the fans come from the
[layout](initializers.md#layouts-and-fans); a dialect's row reproduces its framework's law, fan rule and
truncation exactly, defects included, and its note says where that differs.
"""


def catalog_page() -> str:
    """docs/catalog.md as text."""
    parts = [HEAD]
    for group, rows in groupby(ig.catalog(), key=lambda row: row.group):
        parts.append(f"\n## {group[0].upper()}{group[1:]}\n")
        parts.append("| name and parameters | law | note | source |\n|---|---|---|---|")
        parts.extend(map(_line, rows))
    return "\n".join(parts) + "\n"


def _line(row: Row) -> str:
    also = f"<br>also {', '.join(f'`{name}`' for name in row.aliases)}" if row.aliases else ""
    note = " ".join(row.summary.split())
    cells = (f"`{row.name}{row.signature}`{also}", row.formula, note, row.source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


PAGES = {"catalog.md": catalog_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
        print(f"wrote docs/{name}")
