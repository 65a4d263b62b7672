"""The playground as somebody meets it: by mouse, keyboard, phone, screen reader, link, in both languages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isogain.playground.page import words
from playground_pages import complaints, played
from report_browser import chromium, opened

pytestmark = pytest.mark.browser

WIDE, PHONE = {"width": 1300, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def drawn_anew(page: Any, act: Any) -> None:
    """Waits until the page has drawn what an act asked for."""
    before = page.evaluate("document.documentElement.dataset.drawn")
    act()
    page.wait_for_selector(f'html[data-drawn]:not([data-drawn="{before}"])', state="attached")


def knob(page: Any, name: str) -> Any:
    return page.locator(f"#knob-{name}")


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["1300", "390"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_complaint(browser, tmp_path, viewport, scheme):
    with played(browser, tmp_path, {"viewport": viewport, "color_scheme": scheme}) as found:
        assert complaints(found) == []
        assert found.page.locator("#activation-histograms svg").count() == 5
        assert found.page.locator("#gradient-histograms svg").count() == 5
        assert found.page.locator("#depth-charts svg").count() == 4
        assert found.page.locator("#numbers tbody tr").count() == 5
        assert all(request.startswith(("file:", "blob:")) for request in found.requests)


EXTREMES = [
    {"law": "large_normal", "depth": 50},
    {"law": "zeros", "bias": 0.0},
    {"law": "ones", "activation": "sigmoid"},
    {"law": "identity", "depth": 1},
    {"law": "small_normal", "depth": 50, "activation": "tanh"},
    {"law": "nonzero_mean_normal", "normalization": "batch", "residual": "one"},
    {"depth": 1, "width": 4, "inputs": "digits"},
]


@pytest.mark.parametrize("knobs", EXTREMES, ids=str)
def test_it_stays_calm_where_signals_do_not(browser, tmp_path, knobs):
    with played(browser, tmp_path, {"viewport": PHONE}, **knobs) as found:
        assert complaints(found) == []
        text = found.page.locator("main").inner_text()
        assert "NaN" not in text
        assert "undefined" not in text
        paths = found.page.evaluate(
            "[...document.querySelectorAll('svg path')].map((p) => p.getAttribute('d'))"
        )
        assert not any("NaN" in path or "Infinity" in path for path in paths)


def test_a_knob_changes_picture_line_and_address(browser, tmp_path):
    with played(browser, tmp_path) as found:
        page = found.page
        drawn_anew(page, lambda: knob(page, "activation").select_option("tanh"))
        drawn_anew(page, lambda: knob(page, "depth").fill("8"))
        drawn_anew(page, lambda: knob(page, "law").select_option("lecun_normal"))
        assert page.locator("#activation-histograms svg").count() == 8
        assert (
            page.locator("#line").inner_text()
            == 'ig.draw("lecun_normal", (100, 100), layout="in out", seed=0, path="W2")'
        )
        assert 'ig.activation("tanh")' in page.locator("#script").inner_text()
        assert page.evaluate("location.hash") == "#activation=tanh&law=lecun_normal&depth=8"
        drawn_anew(page, lambda: page.locator("#reset").click())
        assert page.evaluate("location.hash") in ("", "#")
        assert complaints(found) == []


def test_a_link_carries_the_state(browser, tmp_path):
    with played(browser, tmp_path) as found:
        address = f"{found.url}#activation=gelu&depth=3&width=64&gain=2&normalization=layer&seed=12&depht=9&steps=1e9"
        page = found.page
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert [
            knob(page, name).input_value() for name in ("activation", "depth", "normalization", "seed")
        ] == ["gelu", "3", "layer", "12"]
        assert knob(page, "steps").input_value() == "300"  # a value that cannot be is not taken
        assert page.locator("#line").inner_text() == (
            'ig.draw(ig.VarianceScaling(scale=8, mode="fan_in", distribution="normal", truncation="corrected"), '
            '(64, 64), layout="in out", seed=12, path="W2")'
        )


def test_the_axes_are_shared_and_the_bars_are_shares(browser, tmp_path):
    with played(browser, tmp_path, law="lecun_normal", depth=10) as found:
        ends = found.page.evaluate(
            "[...document.querySelectorAll('#activation-histograms .axis')].map((a) => a.textContent)"
        )
        assert len(ends) == 10
        assert len(set(ends)) == 1
        sums = found.page.evaluate(
            "() => { const s = {activation: 'relu', depth: 3, width: 50, bias: 0, normalization: 'none', residual: 'none', inputs: 'normal', seed: 0,"
            " initializer: settings.laws[0].initializer}; return measure.run(s).layers.map((l) => l.activation.beyond + l.activation.shares.reduce((a, b) => a + b)); }"
        )
        assert sums == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("scene", range(1, 7))
def test_each_scene_shows_what_it_tells(browser, tmp_path, scene):
    """The words of a scene against the numbers on its page."""
    with played(browser, tmp_path, scene=scene) as found:
        page, english = found.page, words("en")
        assert page.locator("#scenes [aria-current]").inner_text().endswith(english[f"scene{scene}_name"])
        text = page.locator("#scene").inner_text()
        assert english[f"scene{scene}_question"] in text
        assert english[f"scene{scene}_text"] in text
        assert english[f"scene{scene}_text"].count(". ") + 1 == 2
        assert knob(page, "law").input_value() != knob(page, "other").input_value()
        rows = page.evaluate(
            "[...document.querySelectorAll('#numbers tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))"
        )
        signal = [float(number(row[3])) for row in rows]
        gradient = [float(number(row[4])) for row in rows]
        flat = [float(row[6].lstrip("<").split()[0]) for row in rows]
        assert told(scene, signal, gradient, flat)


def number(text: str) -> str:
    """1.2·10⁻⁵ as 1.2e-5."""
    plain = text.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    return (
        plain.replace("·10", "e")
        if "·10" in plain
        else plain.replace("10-", "1e-")
        if plain.startswith("10-")
        else plain
    )


def told(scene: int, signal: list[float], gradient: list[float], flat: list[float]) -> bool:
    drop, back = signal[0] / signal[-1], gradient[-1] / gradient[0]
    return {
        1: 5e3 < drop < 2e4 and 5e3 < back < 2e4,
        2: min(flat) > 50 and back < 0.2,
        3: 1 < drop < 5,
        4: drop > 20 and 1.1 < signal[0] / signal[1] < 1.8,
        5: 0.5 < drop < 2 and 0.5 < back < 2,
        6: 0.5 < drop < 2 and 0.1 < back < 0.7,
    }[scene]


def test_the_whole_tour_by_keyboard(browser, tmp_path):
    with played(browser, tmp_path) as found:
        page = found.page
        for step in range(1, 7):
            drawn_anew(page, lambda: page.keyboard.press("n"))
            assert page.locator("#scenes [aria-current] .number").inner_text() == str(step)
        drawn_anew(page, lambda: page.keyboard.press("p"))
        assert page.locator("#scenes [aria-current] .number").inner_text() == "5"
        drawn_anew(page, lambda: page.keyboard.press("r"))
        assert knob(page, "seed").input_value() == "1"
        page.keyboard.press("?")
        assert page.locator("#help").is_visible()
        knob(page, "seed").focus()
        page.keyboard.type("2")  # keys in a field are the field's
        assert knob(page, "seed").input_value() in ("12", "21")
        assert complaints(found) == []


def test_every_control_can_be_reached_and_has_a_name(browser, tmp_path):
    with played(browser, tmp_path) as found:
        page = found.page
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, a, summary, svg[role=img], canvas, [role=region], [tabindex='0']")]
                 .filter((e) => !e.closest("[hidden]") && !e.closest("[aria-hidden=true]"))
                 .filter((e) => !(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim()
                    || (e.id && document.querySelector(`label[for="${e.id}"]`)?.textContent.trim())))
                 .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert unnamed == []
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids))
        levels = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))"
        )
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate("document.activeElement.id || document.activeElement.textContent.slice(0, 20)")
            )
        controls = page.evaluate(
            "[...document.querySelectorAll('#knobs select, #knobs input, #go, #reset, #language')].map((e) => e.id)"
        )
        assert set(controls) <= reached


def test_colours_have_contrast(browser, tmp_path):
    """Text at 4.5 to 1 on its ground, in both themes."""
    script = """() => {
      const parse = (c) => c.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.9) return c; } return [255, 255, 255]; };
      return [...document.querySelectorAll("p, label, output, button, h1, h2, h3, td, th, code, summary, option, svg text")].filter((e) => e.textContent.trim() && e.getClientRects().length && !e.closest(".bar"))
        .map((e) => { const s = getComputedStyle(e); const a = light(parse(e.tagName === "text" ? s.fill : s.color)), b = light(ground(e.tagName === "text" ? e.closest("div") : e));
          return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 60)]; }).filter(([ratio]) => ratio < 4.5); }"""
    for scheme in ("light", "dark"):
        with played(browser, tmp_path, {"color_scheme": scheme}) as found:
            assert found.page.evaluate(script) == []


def test_chinese_by_a_switch(browser, tmp_path):
    with played(browser, tmp_path, {"viewport": PHONE}) as found:
        page, chinese = found.page, words("zh")
        page.locator("#language").click()
        assert page.evaluate("document.documentElement.lang") == "zh-Hans"
        assert page.locator("h1").inner_text() == chinese["title"]
        assert page.title() == chinese["page_title"]
        assert page.locator("label[for=knob-law]").inner_text() == chinese["knob_law"]
        assert chinese["column_std"] in page.locator("#numbers").text_content()
        assert "层" in page.locator("#activation-histograms svg").first.get_attribute("aria-label")
        assert page.evaluate("location.hash") == "#lang=zh"
        left = page.evaluate("[...document.querySelectorAll('[data-word]')].map((e) => e.textContent)")
        assert not set(left) & (set(words("en").values()) - set(chinese.values()))
        page.keyboard.press("l")
        assert page.locator("h1").inner_text() == words("en")["title"]
        assert complaints(found) == []


@pytest.mark.parametrize("task", ["circles", "digits"])
def test_two_starts_train_side_by_side(browser, tmp_path, task):
    """He learns both tasks where std 0.01 stays at chance: figure 6-15's lesson, in the page."""
    with played(browser, tmp_path, {"viewport": WIDE}, task=task, steps=200, width=50, rate=0.1) as found:
        page = found.page
        page.locator("#go").click()
        page.wait_for_selector("html[data-trained='200']", state="attached", timeout=60_000)
        scores = [page.locator(f"#score-{i}").inner_text() for i in (0, 1)]
        right = [float(score.split(", ")[1].split()[0]) for score in scores]
        assert right[0] > 85
        assert right[1] < {"circles": 65, "digits": 25}[task]
        assert page.locator("#runs canvas").count() == (2 if task == "circles" else 0)
        assert page.locator("#losses path[stroke]").count() == 2
        page.get_by_role("button", name="Train", exact=True).wait_for()
        assert complaints(found) == []


def test_training_stops_when_told(browser, tmp_path):
    with played(browser, tmp_path, steps=2000) as found:
        page = found.page
        page.keyboard.press("g")
        page.wait_for_selector("html[data-trained]:not([data-trained='0'])", state="attached", timeout=60_000)
        page.keyboard.press("g")
        assert page.locator("#go").inner_text() == "Train"
        drawn_anew(page, lambda: knob(page, "depth").fill("2"))
        assert complaints(found) == []


def test_print_is_dark_on_white_and_whole(browser, tmp_path):
    with played(browser, tmp_path, {"color_scheme": "dark"}) as found:
        found.page.emulate_media(media="print")
        assert (
            found.page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(22, 25, 29)"
        )
        assert not found.page.locator(".bar").is_visible()
        assert found.page.pdf(format="A4")[:5] == b"%PDF-"


def test_without_a_worker_it_computes_in_the_page(browser, tmp_path):
    with played(browser, tmp_path) as found:
        text = Path(found.url.removeprefix("file://")).read_text(encoding="utf-8")
        alone = tmp_path / "alone.html"
        alone.write_text(text.replace("worker-src blob:", "worker-src 'none'"), encoding="utf-8")
    with opened(browser, alone) as found:
        assert found.page.locator("#activation-histograms svg").count() == 5


def test_in_a_frame_as_notebooks_show_it(browser, tmp_path):
    from isogain.playground.shown import Playground

    outer = tmp_path / "notebook.html"
    outer.write_text(
        f"<!doctype html><title>cell</title>{Playground({'depth': 4})._repr_html_()}", encoding="utf-8"
    )
    frame = browser.new_context(viewport=WIDE)
    page = frame.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(outer.as_uri())
    inner = page.frame_locator("iframe")
    inner.locator("html[data-drawn]").wait_for(state="attached")
    assert inner.locator("#activation-histograms svg").count() == 4
    inner.locator("#knob-depth").fill("6")
    inner.locator("#activation-histograms .panel:nth-child(6)").wait_for()
    assert said == []
    frame.close()
