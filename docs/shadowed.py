"""Public names that a module of the same name hides from static reading, and where they are defined."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"


def shadowed(package: str) -> list[str]:
    """Where functions such as `isogain.playground`, the function beside the package, are defined."""
    folder = SOURCE.joinpath(*package.split("."))
    hidden = (name for name in imports(package) if _is_module(folder / name))
    return sorted(place for place in (definition(package, name) for name in hidden) if place)


def imports(module: str) -> dict[str, str]:
    """Name -> module that it is imported from, of our own."""
    found = {}
    for node in ast.walk(ast.parse(_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or module).startswith("isogain."):
            found |= {alias.name: str(node.module) for alias in node.names}
    return found


def definition(module: str, name: str) -> str:
    """The dotted place of a name, followed through its imports; "" where a module hides it there, too."""
    while imports(module).get(name, module) != module:
        module = imports(module)[name]
    hidden = _file(module).name == "__init__.py" and _is_module(_file(module).parent / name)
    return "" if hidden else f"{module}.{name}"


def _file(module: str) -> Path:
    path = SOURCE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_module(place: Path) -> bool:
    return place.is_dir() or place.with_suffix(".py").exists()
