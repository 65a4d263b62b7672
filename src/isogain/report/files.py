"""Files that are either whole or not there."""

from __future__ import annotations

import secrets
from pathlib import Path

from isogain.errors import ReportError

__all__ = ["write_atomically"]


def write_atomically(path: str | Path, content: str | bytes) -> Path:
    """Writes `content` to `path`, making its folder; returns the absolute path.

    The file is written beside its place and moved there, so nobody ever sees half of it.
    Raises ReportError, naming the path and the reason, and leaves what was there as it was.
    """
    target = Path(path).expanduser().absolute()
    data = content.encode() if isinstance(content, str) else content
    temporary = target.with_name(f".{target.name[:40]}-{secrets.token_hex(6)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(target)
    except OSError as error:
        raise ReportError(f"cannot write {target}: {error.strerror or error}; choose another path") from error
    finally:
        _discard(temporary)
    return target


def _discard(temporary: Path) -> None:
    """Removes what an interrupted write left; after the move there is nothing."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return  # the folder itself is what could not be reached: nothing was left there
