"""Figures: axes that panels share, one colour for one start, files with titles, words in two languages."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("altair")

from isogain.errors import ReportError
from isogain.lab.outcome import Chart, Outcome
from isogain.lab.studies.common import curve
from isogain.report import render_page, sections_of, theme, words, write_pictures
from isogain.report.charts import full_specification
from isogain.report.prepare import prepare
from isogain.report.records import bar_top


@pytest.fixture(autouse=True)
def no_language(monkeypatch):
    monkeypatch.delenv("ISOGAIN_LANG", raising=False)
    yield
    words.speak("")


def spread_chart(**more):
    """Three starts: all in one bin, half in one bin and the rest falling, and even."""
    shares = {
        "std 0.01": [1.0] + [0] * 9,
        "Xavier (book) = LeCun": [0.5, *np.full(9, 0.5 / 9)],
        "He, √(2/n)": [0.1] * 10,
    }
    rows = tuple(
        {"x": place / 10, "x2": place / 10 + 0.1, "y": float(share), "start": start}
        for start, row in shares.items() for place, share in enumerate(row)
    )  # fmt: skip
    return Chart(
        "histograms", "Spread", rows, "x", "y", "activation", "share", x2="x2", facet_row="start", **more
    )


def test_panels_of_one_figure_share_their_axes_and_cut_what_piles_up():
    chart = spread_chart()
    specification = full_specification(chart)
    assert "resolve" not in specification
    domains = re.findall(r'"scale": \{"domain": \[0, ([\d.]+)\]\}', json.dumps(specification))
    assert domains
    top = float(domains[0])
    assert top == pytest.approx(1.15 * 0.1)  # the third highest bar of the panel whose third is highest
    cut = [row["y"] for row in specification["data"]["values"] if row["k"] == "cut"]
    assert cut == [1.0, 0.5]


def test_a_figure_without_piles_is_not_cut():
    rows = tuple({"x": float(place), "x2": place + 1.0, "y": 1.0 + place} for place in range(5))
    prepared = prepare(Chart("histograms", "h", rows, "x", "y", x2="x2"))
    assert bar_top(prepared) >= 3.0 * 1.15


def test_names_of_rows_have_room_beside_many_columns():
    """Eight layers make panels narrow and low; a name written upwards has to end before the next begins."""
    rows = tuple({**row, "layer": f"layer {layer}"} for layer in range(8) for row in spread_chart().rows)
    chart = replace(spread_chart(), rows=rows, facet_column="layer")
    whole = full_specification(chart, 940)
    names = whole["facet"]["row"]["sort"]
    longest = max(len(line) for name in names for line in name.splitlines())
    assert longest >= len("std 0.01")
    assert whole["spec"]["height"] + whole["spacing"]["row"] >= 7 * longest  # px of a bold letter of 11 px


def test_own_axes_where_asked():
    assert full_specification(spread_chart(independent_x=True))["resolve"]["scale"]["x"] == "independent"


def test_one_start_has_one_colour_whatever_stands_beside_it():
    alone = theme.named_colours(["He, √(2/n)"])
    assert theme.named_colours(["std 1", "std 0.01", "He/Kaiming normal"])[2] == alone[0]
    assert theme.named_colours(["He", "zeros"])[0] == alone[0]
    several = theme.named_colours(
        ["std 1", "std 0.01", "Xavier (book) = LeCun, √(1/n)", "He, √(2/n)", "own data"]
    )
    assert len(set(several)) == 5
    assert theme.named_colours(["heat", "standard"]) == theme.series_colours(2), "words that only begin alike"


def test_no_two_lines_of_many_look_alike():
    names = tuple(f"{letter} start" for letter in "abcdefghijkl")
    rows = tuple({"x": x, "y": float(i + x), "s": name} for i, name in enumerate(names) for x in (1, 2))
    specification = json.dumps(full_specification(Chart("lines", "t", rows, "x", "y", color="s")))
    colours = json.loads(re.search(r'"scale": (\{"domain": \["a start".*?\})', specification)[1])
    dashes = json.loads(re.search(r'"strokeDash": \{.*?"scale": (\{.*?\})', specification)[1])
    assert len({(c, tuple(d)) for c, d in zip(colours["range"], dashes["range"], strict=True)}) == 12


def test_a_legend_names_what_cannot_be_drawn():
    rows = ({"x": 1, "y": 1.0, "s": "kept"}, {"x": 2, "y": 2.0, "s": "kept"})
    assert prepare(Chart("lines", "t", rows, "x", "y", color="s", order=("kept", "exploded"))).series == (
        "kept",
        "exploded",
    )


def test_a_cost_has_no_band_below_zero():
    values = np.array([[0.1, 0.01], [0.9, 3.0]])
    assert all(row["low"] >= 0 for row in curve(values, [0, 1]))
    assert any(row["low"] < 0 for row in curve(values, [0, 1], least=-np.inf))


def test_numbers_in_headings_say_of_what():
    rows = tuple({"x": x, "y": x, "depth": depth} for depth in (10, 30) for x in (1.0, 2.0))
    assert prepare(Chart("lines", "t", rows, "x", "y", facet_column="depth")).facet_columns == (
        "depth 10",
        "depth 30",
    )


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_files_have_a_title_and_their_axes(tmp_path, format):
    outcome = Outcome("one", "One", "", "", (spread_chart(),), ())
    [path] = write_pictures([outcome], tmp_path, format, width="single")
    start = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF"}[format]
    assert path.read_bytes().startswith(start)
    if format == "svg":
        text = path.read_text()
        assert ">Spread<" in text
        assert "Across: activation" in text
        assert 300 < float(re.search(r'width="([\d.]+)"', text)[1]) < 372


@pytest.mark.parametrize("width", ["triple", 12, True, 10**6])
def test_a_width_that_is_none_is_refused(tmp_path, width):
    with pytest.raises(ReportError, match="'single' or 'double'"):
        write_pictures([], tmp_path, width=width)


def test_pages_and_figures_speak_chinese(monkeypatch):
    outcome = Outcome("one", "One", "Why?", "Because.", (spread_chart(),), ())
    english = render_page(sections_of([outcome]))
    assert '<html lang="en"' in english
    monkeypatch.setenv("ISOGAIN_LANG", "zh_CN")
    page = render_page(sections_of([outcome]))
    assert '<html lang="zh-Hans"' in page
    for word in ("目录", "图中的数值", "激活值"):
        assert word in page
        assert word not in english
    words.speak("en")
    assert words.say("layer") == "layer"


def test_a_language_without_words_is_refused(monkeypatch):
    with pytest.raises(ReportError, match="'fr'"):
        words.speak("fr")
    monkeypatch.setenv("ISOGAIN_LANG", "fr")
    with pytest.raises(ReportError, match="ISOGAIN_LANG"):
        words.say("layer")
