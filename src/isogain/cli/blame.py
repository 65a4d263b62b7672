"""Where in the user's own code an error came from: the last frame that is no library's."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from isogain.errors import InspectError, IsogainError

__all__ = ["place_of", "users"]

T = TypeVar("T")
LIBRARIES = tuple(
    str(Path(path).resolve())
    for path in (
        *(sysconfig.get_paths()[key] for key in ("stdlib", "purelib", "platlib")),
        str(Path(__file__).parent.parent),
    )
)


def users(run: Callable[[], T], what: str) -> T:
    """What the user's code gives; InspectError, in the words of `what`, where it raises or exits."""
    try:
        return run()
    except IsogainError:
        raise
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit) as error:  # an imported script may parse the command line
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        raise InspectError(f"{what} raised {text}") from error


def place_of(error: BaseException | None) -> str:
    """'models.py:12, in make: return 1 / 0' on a line of its own; empty where the user's code has no part."""
    if isinstance(error, SyntaxError) and error.filename and _own(error.filename):
        return f"\n  {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__) if error is not None else ()
    last = next((frame for frame in reversed(frames) if _own(frame.filename)), None)
    return f"\n  {last.filename}:{last.lineno}, in {last.name}: {last.line}" if last else ""


def _own(filename: str) -> bool:
    return not filename.startswith("<") and not str(Path(filename).resolve()).startswith(LIBRARIES)
