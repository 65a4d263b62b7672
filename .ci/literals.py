"""Write the names that editors complete, as types made from the tables: python .ci/literals.py

tests/test_typed_names.py fails where a type is older than its table.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

import isogain.graph.recipes  # noqa: F401  its import makes the rows
from isogain.core.names.catalog import catalog
from isogain.graph.rules.registry import recipes

SOURCE = Path(__file__).parent.parent / "src" / "isogain"


def module(purpose: str, name: str, words: Iterable[str]) -> str:
    """A module that holds one Literal of these words."""
    listed = textwrap.fill(", ".join(f'"{word}"' for word in words), 106, break_on_hyphens=False)
    return (
        f'"""{purpose}  Made from the table: python .ci/literals.py"""\n\n'
        f"from __future__ import annotations\n\nfrom typing import Literal\n\n"
        f'__all__ = ["{name}"]\n\n{name} = Literal[\n{textwrap.indent(listed, "    ")},\n]  # fmt: skip\n'
    )


def initializers() -> str:
    """Every row of the catalog by its first name."""
    words = [row.name for row in catalog()]
    return module("Names of initializers, for editors to complete.", "InitializerName", words)


def starts() -> str:
    """Every recipe."""
    return module("Names of recipes, for editors to complete.", "RecipeName", recipes())


FILES = {
    SOURCE / "core" / "names" / "typed.py": initializers,
    SOURCE / "graph" / "recipes" / "typed.py": starts,
}

if __name__ == "__main__":
    for path, make in FILES.items():
        path.write_text(make(), encoding="utf-8")
        print(f"wrote {path.relative_to(SOURCE.parent.parent)}")
