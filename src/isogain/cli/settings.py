"""[tool.isogain.inspect] of the pyproject.toml that lies nearest above."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from isogain.errors import InspectError

__all__ = ["Settings", "read_settings"]


@dataclass(frozen=True)
class Settings:
    """What the project decided once for all its models."""

    fail_on: str = "critical"
    accept: tuple[str, ...] = ()


def read_settings(folder: Path) -> Settings:
    """The Settings for a folder; defaults where there are none.  Raises InspectError for bad ones."""
    path = next((p for one in (folder, *folder.parents) if (p := one / "pyproject.toml").is_file()), None)
    if path is None:
        return Settings()
    try:
        table = (
            tomllib.loads(path.read_text(encoding="utf-8"))
            .get("tool", {})
            .get("isogain", {})
            .get("inspect", {})
        )
    except tomllib.TOMLDecodeError as error:
        raise InspectError(f"{path} is not TOML: {error}") from error
    unknown = sorted(set(table) - {"fail-on", "accept"})
    if unknown:
        raise InspectError(
            f"{path}: [tool.isogain.inspect] has no {', '.join(unknown)}; it takes fail-on and accept"
        )
    accept = table.get("accept", [])
    if not isinstance(accept, list) or not all(isinstance(one, str) for one in accept):
        raise InspectError(
            f"{path}: accept must be a list of strings such as 'dead-units:encoder.*', got {accept!r}"
        )
    return Settings(str(table.get("fail-on", "critical")), tuple(accept))
