"""The page of the playground, put together from its parts: one file that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from isogain._version import __version__
from isogain.playground import digits, knobs, laws
from isogain.report import theme
from isogain.report.words import HTML, language

__all__ = ["ENGINE", "PAGE", "render", "words"]

ENGINE: Final = (
    *("blake2b", "philox", "variates", "laws", "haar", "draw", "activations", "apply", "assembly"),
    *("multiply", "normalizations", "network", "data", "expectations", "theory", "measure", "training"),
    "worker",
)
"""What computes, in the order of its parts: runs in a worker, and nothing in it knows of a page."""
PAGE: Final = (
    *("state", "words", "python", "svg", "histograms", "curves", "findings", "knobs", "tour"),
    *("engine", "race", "playground"),
)
"""What shows."""


def render(state: Mapping[str, Any] | None = None) -> str:
    """The whole page as HTML, its knobs where `state` has them."""
    scripts = _scripts()
    values = {
        "policy": _policy(scripts),
        "version": __version__,
        "style": _style(),
        "lang": HTML[(state or {}).get("lang", language())],
        "tables": _json(_tables()),
        "settings": _json(_settings(dict(state or {}))),
        "engine": scripts[1],
        "common": scripts[2],
        "page": scripts[3],
        "reading": scripts[0],
    }
    page = _text("page/playground.html")
    for name, value in values.items():
        page = page.replace("{{" + name + "}}", value)
    return page


def words(language: str) -> dict[str, str]:
    """Every text of the page in one language, by name."""
    found: dict[str, str] = json.loads(_text(f"page/words.{language}.json"))
    return found


def _settings(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": knobs.checked(state),
        "knobs": _available(),
        "laws": laws.rows(),
        "words": {language: words(language) for language in ("en", "zh")},
    }


def _available() -> dict[str, Any]:
    """The knobs in the language that is spoken; without scikit-learn there are no digits to choose."""
    found = knobs.described()
    found["lang"]["start"] = language()
    if digits.packed() is None:
        for name in ("inputs", "task"):
            found[name]["of"] = tuple(one for one in found[name]["of"] if one != "digits")
    return found


def _tables() -> dict[str, Any]:
    return laws.tables() | {"digits": digits.packed()}


@cache
def _scripts() -> tuple[str, str, str, str]:
    """What reads the tables, the engine, what all pages share, this page's own."""
    reading = 'const tables = JSON.parse(document.getElementById("tables").textContent);'
    engine = "".join(_text(f"engine/{name}.js") for name in ENGINE)
    own = "".join(_text(f"page/{name}.js") for name in PAGE)
    common = files("isogain.report").joinpath("common.js").read_text(encoding="utf-8")
    return reading, engine, common, own


def _text(name: str) -> str:
    return files("isogain.playground").joinpath(name).read_text(encoding="utf-8")


def _style() -> str:
    shared = files("isogain.report").joinpath("page.css").read_text(encoding="utf-8")
    return theme.rules() + shared + _text("page/playground.css")


def _policy(scripts: tuple[str, ...]) -> str:
    """Only these very scripts run, in the page or a worker made of them; nothing may be fetched.

    `wasm-unsafe-eval` lets WebAssembly be compiled, and no JavaScript.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes} 'wasm-unsafe-eval'; worker-src blob:; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
