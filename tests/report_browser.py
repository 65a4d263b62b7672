"""Opens a page in headless Chromium and tells everything that is wrong with it, in words."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium_path() -> str:
    """Where Chromium is; without it the test fails in CI and is skipped elsewhere."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    message = f"no Chromium on the PATH (looked for {', '.join(NAMES)}): the page cannot be tested"
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(message)
    pytest.fail(message)


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser."""
    path = chromium_path()
    sync_api = pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else _sync_api()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def _sync_api() -> Any:
    import playwright.sync_api

    return playwright.sync_api


@dataclass
class Opened:
    """A page that was opened, and what happened meanwhile."""

    page: Any
    url: str
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Console messages, requests, dialogs, undrawn charts, sideways scrolling: empty when all is well."""
        found = [f"console: {text}" for text in self.console]
        found += [f"request: {url}" for url in self.requests if url.split("#")[0] != self.url]
        found += [f"dialog: {text}" for text in self.dialogs]
        found += self._undrawn()
        wide, room = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        return found + ([f"scrolls sideways: {wide} px in {room}"] if wide > room else [])

    def _undrawn(self) -> list[str]:
        marks = self.page.evaluate(
            """() => [...document.querySelectorAll("figure")].map((figure) => [figure.id,
                 [...figure.querySelectorAll(".vega-embed svg .role-mark")].flatMap((group) =>
                   [...group.querySelectorAll("path, line, text")])
                   .filter((mark) => { const b = mark.getBoundingClientRect(); return b.width + b.height > 0; }
                 ).length])"""
        )
        return [f"chart {name} has no mark" for name, count in marks if count == 0]


@contextmanager
def opened(browser: Any, path: Path, **context: Any) -> Iterator[Opened]:
    """The page at `path`, once its charts are drawn; context: viewport, color_scheme, java_script_enabled, ..."""
    options = {"viewport": {"width": 1280, "height": 900}} | context
    frame = browser.new_context(**options)
    page = frame.new_page()
    result = Opened(page, path.as_uri())
    page.on("console", lambda message: result.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: result.console.append(f"uncaught: {error}"))
    page.on("request", lambda request: result.requests.append(request.url))
    page.on("dialog", lambda dialog: (result.dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(result.url)
    if options.get("java_script_enabled", True):
        try:
            page.wait_for_selector("html[data-drawn]", state="attached", timeout=30_000)
        except Exception:  # a page that never finishes is one more finding, not an end of the test
            result.console.append("never finished drawing")
    yield result
    frame.close()
