"""The page as a reader meets it: in a real browser, by keyboard, on a phone, in print, without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import report_samples
from isogain import report
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Rule, Table
from isogain.report import theme
from report_browser import chromium, chromium_path, opened

pytestmark = pytest.mark.browser

PHONE = {"width": 380, "height": 800}
HOSTILE = (
    '<script>alert(1)</script>"><img src=x onerror=alert(2)>',
    "</script><script>alert(3)</script>a.b['c']\\d{{7*7}} ${1} \u2028 &amp; datum.x",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return report_samples.everything()


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]) -> Path:
    return report.write_page(outcomes, tmp_path_factory.mktemp("page") / "report.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_a_complaint_and_draws_every_chart(browser, page_path, outcomes, scheme):
    with opened(browser, page_path, color_scheme=scheme) as found:
        assert found.problems() == []
        charts = sum(len(outcome.charts) for outcome in outcomes)
        assert found.page.locator("figure .vega-embed svg").count() == charts
        assert found.page.evaluate("document.documentElement.dataset.drawn") == str(charts)
        assert len(found.requests) == 1


@pytest.fixture(scope="module")
def short(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcomes[1], outcomes[3], outcomes[6]]


@pytest.fixture(scope="module")
def short_path(tmp_path_factory: pytest.TempPathFactory, short: list[Outcome]) -> Path:
    """Three experiments, drawn in a moment: enough for what does not depend on the charts."""
    return report.write_page(short, tmp_path_factory.mktemp("short") / "report.html")


BROKEN = {
    "an error in the console": "console.error('broken')",
    "an exception": "throw new Error('broken')",
    "a request": "document.head.append(Object.assign(new Image(), {src: 'file:///nowhere.png'}))",
    "a fetch": "fetch('https://example.invalid/').catch(() => 0)",
    "a dialog": "alert('broken')",
    "a chart that was not drawn": "document.querySelector('.vega-embed').replaceChildren()",
    "something too wide": "document.querySelector('h1').style.width = '3000px'",
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_the_check_itself_finds(browser, short_path, tmp_path, script):
    """The same check that passes the page must reject it once it is broken."""
    text = re.sub(r"<meta http-equiv=.*?>", "", short_path.read_text(encoding="utf-8"), count=1)
    spoiler = (
        "<script>const w = setInterval(() => { if (document.documentElement.dataset.drawn) "
        f"{{ clearInterval(w); {script}; document.title = 'spoilt' }} }}, 20)</script></body>"
    )
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace("</body>", spoiler), encoding="utf-8")
    with opened(browser, broken) as found:
        found.page.wait_for_timeout(400)
        assert found.problems() != []


def hostile_outcome(name: str) -> Outcome:
    lines = tuple({"s": s, name: x, "y": x * 2.0, "f": name, "lo": x, "hi": x * 3.0}
                  for s in (name, "b") for x in range(1, 4))  # fmt: skip
    line = Chart("lines", name, lines, name, "y", name, name, color="s", color_title=name, low="lo", high="hi",
                 facet_column="f", rules=(Rule(1, name),), caption=name, alt=name)  # fmt: skip
    plain = Chart("lines", name, lines, name, "y", color="s", rules=(Rule(1, name),))
    dots = Chart("dots", name, ({name: name, "y": 1.0, "c": name}, {name: "b", "y": 2.0, "c": "d"}), name, "y",
                 color="c", alt=name)  # fmt: skip
    heat = Chart("heatmap", name, ({"x": name, "y": name, "v": 1.0},), "x", "y", value="v", value_title=name)
    grid = tuple({"x": x, "y": y, "v": 0.9, "f": name} for x in (0.0, 1.0) for y in (0.0, 1.0))
    region = Chart("regions", name, grid, "x", "y", value="v", facet_column="f",
                   points=({"x": 0.0, "y": 0.0, "label": name, "f": name},))  # fmt: skip
    table = Table(name, (Column(name, name), Column("n", name)), ({name: name, "n": 1.0},), name)
    return Outcome(name, name, name, name, (line, plain, dots, heat, region), (table,),
                   (Claim(name, "holds", name),), {name: name}, name, (name,))  # fmt: skip


def test_names_from_the_user_stay_names(browser, tmp_path):
    outcomes = [hostile_outcome(name) for name in HOSTILE]
    path = report.write_page(outcomes, tmp_path / "hostile.html", title=HOSTILE[1], summary=HOSTILE[0])
    with opened(browser, path) as found:
        assert found.problems() == []
        assert found.page.locator("script").count() == 3  # the data, Vega, the page's own
        assert found.page.locator("main img").count() == 0
        for index, name in enumerate(HOSTILE):
            section = found.page.locator("main > section").nth(index)
            assert section.locator("h2").text_content() == name
            labels = section.locator("figure").nth(1).locator("svg text").all_text_contents()
            assert any(name[:12] in label for label in labels)
        line = found.page.locator("figure").nth(1).locator("[class*=hover_marks] line").nth(1)
        line.scroll_into_view_if_needed()
        line.hover(force=True)
        tooltip = found.page.locator("#vg-tooltip-element")
        assert HOSTILE[0] in tooltip.text_content()
        assert tooltip.locator("script").count() == 0
        assert found.dialogs == []


def test_keyboard_reaches_and_moves(browser, short_path, short):
    focused = "document.activeElement.id || document.activeElement.className"
    with opened(browser, short_path) as found:
        page = found.page
        page.keyboard.press("Tab")
        assert page.evaluate(focused) == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("location.hash") == "#main"
        places = []
        for key in "jjk":
            page.keyboard.press(key)
            page.wait_for_timeout(700)
            places.append(page.evaluate(focused))
        names = [f"s-{outcome.experiment}" for outcome in short]
        assert places == [names[0], names[1], names[0]]
        assert page.locator("nav a[aria-current]").get_attribute("href") == f"#{names[0]}"
        page.keyboard.press("/")
        assert page.evaluate(focused) == "filter"
        page.keyboard.type("clipping mend")  # one section holds both words
        assert page.locator("main > section:visible").count() == 1
        page.keyboard.press("Escape")
        assert page.locator("main > section:visible").count() == len(short)
        page.locator("details.data > summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("details.data").first.get_attribute("open") is not None
        assert page.locator("details.data table").first.is_visible()
        assert found.problems() == []


def test_focus_can_be_seen(browser, short_path):
    with opened(browser, short_path) as found:
        found.page.keyboard.press("Tab")
        found.page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        assert found.page.evaluate(f"{style}.outlineStyle") == "solid"
        assert float(found.page.evaluate(f"parseFloat({style}.outlineWidth)")) >= 2


def test_theme_toggle_recolours_page_and_charts(browser, short_path):
    stroke = (
        "getComputedStyle(document.querySelector('[data-kind=lines] .vega-embed .mark-line path')).stroke"
    )
    with opened(browser, short_path, color_scheme="light") as found:
        page = found.page
        colours = [(page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(stroke))]
        page.keyboard.press("t")
        colours.append(
            (page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(stroke))
        )
        page.locator("#theme").click()
        colours.append(
            (page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(stroke))
        )
        light, dark = (tuple(bytes.fromhex(theme.PALETTES[mode]["c1"][1:])) for mode in ("light", "dark"))
        assert colours[0] == colours[2] == ("rgb(255, 255, 255)", f"rgb{light}")  # that of std 0.01
        assert colours[1] == ("rgb(20, 23, 27)", f"rgb{dark}")


def test_a_phone_shows_it_whole_and_legibly(browser, page_path):
    with opened(browser, page_path, viewport=PHONE, is_mobile=True, has_touch=True) as found:
        assert found.problems() == []
        sizes = found.page.evaluate(
            """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
                 const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
                 return [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim())
                   .map((t) => parseFloat(getComputedStyle(t).fontSize) * scale); })"""
        )
        assert len(sizes) > 100
        assert min(sizes) >= 8.5
        found.page.set_viewport_size({"width": 1280, "height": 900})
        found.page.wait_for_timeout(1500)
        assert found.problems() == []


def test_print_is_dark_on_white_whatever_the_screen(browser, page_path):
    with opened(browser, page_path, color_scheme="dark") as found:
        found.page.emulate_media(media="print")
        colour = "getComputedStyle(document.querySelector('h1')).color"
        assert found.page.evaluate(colour) == "rgb(22, 25, 29)"
        assert not found.page.locator(".bar").is_visible()
        assert found.page.locator("figure svg").first.is_visible()
        assert found.page.pdf(format="A4")[:5] == b"%PDF-"


def test_without_scripts_every_picture_is_still_there(browser, page_path, outcomes):
    with opened(browser, page_path, java_script_enabled=False) as found:
        pictures = found.page.locator("figure .static svg")
        assert pictures.count() == sum(len(outcome.charts) for outcome in outcomes)
        assert all(
            box["height"] > 50 for box in (pictures.nth(i).bounding_box() for i in range(pictures.count()))
        )
        assert found.page.locator("button:visible").count() == 0
        assert found.console == []


def test_motion_is_left_out_when_unwanted(browser, short_path):
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    for wish, expected in (("reduce", "auto"), ("no-preference", "smooth")):
        with opened(browser, short_path, reduced_motion=wish) as found:
            assert found.page.evaluate(behaviour) == expected


def test_pictures_have_words(browser, short_path, short):
    with opened(browser, short_path) as found:
        pictures = found.page.get_by_role("img")
        described = [chart.alt for outcome in short for chart in outcome.charts]
        assert [pictures.nth(i).get_attribute("aria-label") for i in range(pictures.count())] == described


def test_the_data_can_be_saved_as_csv(browser, short_path):
    with opened(browser, short_path, accept_downloads=True) as found:
        figure = found.page.locator("#s-strategies-figure-1")
        figure.locator("summary").click()
        with found.page.expect_download() as download:
            figure.locator("[data-save=csv]").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert text.splitlines()[0] == "x,y,low,high"
        assert text.splitlines()[-1].startswith('"He/Kaiming",0.94,')
        with found.page.expect_download() as download:
            figure.locator("[data-save=svg]").click()
        assert "var(--" not in Path(download.value.path()).read_text(encoding="utf-8")


def test_an_outcome_without_anything_still_makes_a_page(browser, tmp_path):
    empty = Outcome(
        "empty", "Empty", "?", "", (Chart("lines", "none", (), "x", "y"),), (Table("none", (), ()),)
    )
    path = report.write_page([empty, empty], tmp_path / "empty.html")
    with opened(browser, path) as found:
        assert found.problems() == []
        assert "no data" in found.page.locator("figure").first.text_content()


def test_no_outcome_at_all(browser, tmp_path):
    path = report.write_page([], tmp_path / "nothing.html")
    with opened(browser, path) as found:
        assert found.problems() == []
        assert "Nothing has been run yet" in found.page.text_content("main")


def test_chromium_missing_fails_in_ci_and_skips_elsewhere(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        chromium_path()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        chromium_path()


def test_the_policy_forbids_every_fetch(short_path):
    text = short_path.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src &#39;none&#39;;")
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


def test_the_payload_is_strict_json(page_path):
    text = page_path.read_text(encoding="utf-8")
    payload = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.S)[1]
    assert not set("<>&\u2028\u2029") & set(payload)
    figures = json.loads(payload, parse_constant=pytest.fail)["figures"]
    assert all(figure["data"] for figure in figures.values())
