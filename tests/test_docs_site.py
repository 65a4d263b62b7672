"""The site builds without a warning, fetches nothing, and opens from a folder in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from report_browser import chromium

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; `--strict` makes every broken link, anchor and page outside the navigation an error."""
    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


def test_nothing_is_fetched_from_elsewhere(site):
    fetched = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:)?//[^"]+')
    found = {page.name: fetched.search(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")}
    assert len(found) > 30
    assert not {name: match.group() for name, match in found.items() if match}


def test_tutorials_can_be_had_as_notebooks(site):
    tutorials = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
    assert len(tutorials) >= 7
    for page in tutorials:
        assert (site / "tutorials" / f"{page.stem}.ipynb").exists()
        assert f'href="{page.stem}.ipynb"' in (site / "tutorials" / f"{page.stem}.html").read_text(
            encoding="utf-8"
        )


def test_the_reference_has_every_public_name(site):
    import isogain
    import isogain.theory
    import isogain.torch

    for page, module in (("isogain", isogain), ("torch", isogain.torch), ("theory", isogain.theory)):
        text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
        shown = {place.rpartition(".")[2] for place in re.findall(r'<h2 id="(isogain\.[\w.]+)"', text)}
        assert not set(module.__all__) - shown - {"__version__"}


PLACES = ["index.html", "tutorials/not_learning.html", "reference/torch.html", "zh/index.html", "zh/faq.html"]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1300, 390])
def test_pages_open_from_a_folder(site, width):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda request: said.append(request.url) if request.url.startswith("http") else None
        )
        for place in PLACES:
            page.goto((site / place).as_uri())
            assert page.locator("html").get_attribute("lang") == ("zh" if place.startswith("zh/") else "en")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
        assert not said


@pytest.mark.browser
@pytest.mark.parametrize(("word", "found"), [("mirrored", "mirrored"), ("增益", "增益")])
def test_search_finds_without_a_server(site, word, found):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.goto((site / "index.html").as_uri())
        page.locator(".md-search__input").fill(word)
        page.keyboard.press("End")
        page.locator(".md-search-result__item").first.wait_for(timeout=20_000)
        assert found in page.locator(".md-search-result__list").inner_text()
