"""The playground's page in headless Chromium, for the tests that ask its engine and those that turn its knobs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from isogain.playground.knobs import KNOBS
from isogain.playground.laws import rows
from isogain.playground.shown import Playground
from report_browser import Opened, opened

BYTES = "const bytes = (a) => { let s = ''; for (const b of new Uint8Array(a.buffer, a.byteOffset, a.byteLength)) s += String.fromCharCode(b); return btoa(s); };"
LAWS = {row["name"]: row["initializer"] for row in rows()}


def complete(**knobs: Any) -> dict[str, Any]:
    """A whole state as the engine takes it."""
    state = {name: knob.start for name, knob in KNOBS.items()} | knobs
    return state | {"initializer": LAWS[state["law"]]}


def floats(page: Any, script: str, argument: Any = None) -> np.ndarray[Any, Any]:
    """The float32 array that a JavaScript expression of `a` makes."""
    text = page.evaluate(f"(a) => {{ {BYTES} return bytes({script}); }}", argument)
    return np.frombuffer(base64.b64decode(text), "<f4")


@contextmanager
def played(
    browser: Any, tmp_path: Any, context: dict[str, Any] | None = None, **knobs: Any
) -> Iterator[Opened]:
    """The page with these knobs, once it has drawn."""
    path = Playground(knobs).to_html(tmp_path / "playground.html")
    with opened(browser, path, **(context or {})) as found:
        yield found


def complaints(found: Opened) -> list[str]:
    """What is wrong with the page; a worker made of its own text is no request to anywhere."""
    return [text for text in found.problems() if not text.startswith("request: blob:")]
