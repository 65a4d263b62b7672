"""Charts, pictures, terminal summary and JSON, each against something that does not share their code."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import math
import os
import re
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import report_samples
from isogain import report
from isogain.errors import IsogainError, ReportError
from isogain.lab.outcome import Chart, Claim, Column, Outcome, Table
from isogain.report import charts, theme
from isogain.report.prepare import prepare
from isogain.report.records import UNDECIDED
from isogain.report.scales import extent, log_ticks, spread_labels
from isogain.report.terminal import sparkline
from isogain.report.view import number_text, section_of, sections_of

GOLDEN = Path(__file__).parent / "golden" / "report_summary.txt"
ALL_CHARTS = [
    pytest.param(chart, id=f"{outcome.experiment}-{index}")
    for outcome in report_samples.everything()
    for index, chart in enumerate(outcome.charts)
]


def line(rows, **options) -> Chart:
    return Chart("lines", "a chart", tuple(rows), "x", "y", **options)


def outcome_with(*chart: Chart, **options) -> Outcome:
    return Outcome("name", "Title", "Question?", "Answer.", chart, (), **options)


# ---- specifications ---------------------------------------------------------------------------


@pytest.mark.parametrize("chart", ALL_CHARTS)
@pytest.mark.parametrize("width", [charts.WIDTHS[0], charts.WIDTHS[-1]])
def test_every_specification_satisfies_vega_lites_schema(chart, width):
    specification = charts.specification(chart, width, validate=True)
    text = json.dumps(specification)
    assert not re.search(r"#[0-9a-fA-F]{6}", text), "a colour outside the theme"
    assert specification["data"] == {"name": charts.DATASET}


@pytest.mark.parametrize("chart", ALL_CHARTS)
def test_every_row_reaches_the_picture(chart):
    prepared = prepare(chart)
    rows = charts.datasets(prepared)
    drawn = sum(len(rows.get(kind, ())) for kind in ("line", "bar", "dot"))
    if chart.kind in ("histograms", "dots") or not prepared.notes:
        assert drawn in (0, len(chart.rows))
    named = [row for kind in ("line", "bar", "dot") for row in rows.get(kind, ())]
    assert {row["series"] for row in named if "series" in row} == set(prepared.series)


def test_two_series_never_look_alike_without_colour():
    assert len(set(theme.DASHES)) == len(theme.DASHES) == theme.CATEGORY_COUNT
    assert len(set(theme.SHAPES)) == len(theme.SHAPES) == theme.CATEGORY_COUNT
    sixteen = theme.series_colours(16)
    assert len(set(sixteen)) == 16


def _linear(colour: str) -> np.ndarray:
    channels = np.array(list(bytes.fromhex(colour[1:]))) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(linear, 0, 1) / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


# Machado, Oliveira and Fernandes 2009, table 1, severity 1.0; on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_first_seven_colours_stay_apart_for_the_colour_blind(mode, deficiency):
    matrix = np.array(DEFICIENCIES[deficiency])
    colours = [_lab(matrix @ _linear(theme.PALETTES[mode][f"c{i}"])) for i in range(7)]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)]
    assert min(distances) > 12  # the just noticeable difference is 2.3


def _contrast(first: str, second: str) -> float:
    bright, dark = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ _linear(c)) for c in (first, second))[
        ::-1
    ]
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast_meets_the_guidelines(mode):
    """WCAG 2.2: 4.5 : 1 for text, 3 : 1 for lines and marks."""
    palette = theme.PALETTES[mode]
    for text, surface in itertools.product(
        ("ink", "muted", "accent", "good", "warn", "bad"), ("paper", "raised")
    ):
        assert _contrast(palette[text], palette[surface]) >= 4.5, (text, surface)
    for index in range(theme.CATEGORY_COUNT):
        assert _contrast(palette[f"c{index}"], palette["paper"]) >= 3, index
    for level in range(theme.LEVELS):
        ink = palette["on-high" if level > 5 else "ink"]  # as the heatmap chooses
        assert _contrast(palette[f"h{level}"], ink) >= 4.5, level


# ---- data that cannot be drawn --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (line([{"x": 1, "y": 1}, {"x": 2}]), r"'a chart', row 1 has no 'y'; its keys are 'x'"),
        (line([{"x": 1, "y": "two"}]), r"row 0: 'y' is 'two', not a number"),
        (line([{"x": 1, "y": True}]), r"row 0: 'y' is True, not a number"),
        (line([{"x": 1, "y": 1}], color="scheme"), r"row 0 has no 'scheme'"),
        (line([{"x": 1, "y": 1}], low="lo", high="hi"), r"row 0 has no 'lo'"),
        (Chart("pie", "a pie", (), "x", "y"), r"kind 'pie' is none of lines, histograms"),
        (Chart("regions", "r", ({"x": 0, "y": 0, "v": 1},), "x", "y", value="v", points=({"x": 0, "y": 0},)),
         r"point 0 has no 'label'"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_read_are_refused_by_name(chart, message, tmp_path):
    with pytest.raises(ReportError, match=message):
        charts.specification(chart)
    with pytest.raises(IsogainError, match=f"name: .*{message}"):
        report.write_page([outcome_with(chart)], tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_its_column_is_refused_by_name():
    table = Table("numbers", (Column("loss", "loss", ".3f", "low", "high"),), ({"loss": 1.0, "low": 0.5},))
    with pytest.raises(ReportError, match=r"name: table 'numbers' has no 'high' in any row"):
        section_of(Outcome("name", "", "", "", (), (table,)))


def test_a_row_without_a_value_has_a_gap():
    rows = ({"a": 1.0, "l": 0.5, "h": 2.0}, {}, {"a": None, "l": None, "h": None})
    table = Table("numbers", (Column("a", "a", ".1f", "l", "h"),), rows)
    cells = [row[0] for row in section_of(Outcome("name", "", "", "", (), (table,))).tables[0].rows]
    assert [(cell.text, cell.interval) for cell in cells] == [("1.0", "[0.5, 2.0]"), ("–", ""), ("–", "")]


def test_values_that_are_not_finite_are_left_out_and_told():
    rows = [{"x": i, "y": y} for i, y in enumerate([1.0, math.inf, math.nan, None, 2.0])]
    prepared = prepare(line(rows))
    assert [row["y"] for row in prepared.rows] == [1.0, 2.0]
    assert prepared.notes == ("3 values are not finite (infinite, or not a number) and not drawn.",)


def test_a_log_axis_leaves_out_what_it_cannot_hold():
    rows = [{"x": 1, "y": 0.0}, {"x": 2, "y": 10.0, "low": -1.0, "high": 20.0}, {"x": 3, "y": 1.0}]
    rows = [{"low": 0.5, "high": 30.0} | row for row in rows]
    chart = line(rows, log_y=True, low="low", high="high")
    prepared = prepare(chart)
    assert len(prepared.rows) == 2
    assert "logarithmic" in prepared.notes[0]
    lows = [row["low"] for row in charts.datasets(prepared)["line"]]
    assert min(lows) > 0


@pytest.mark.parametrize("kind", ["lines", "histograms", "dots", "regions", "heatmap"])
def test_no_rows_say_no_data(kind):
    chart = Chart(kind, "empty", (), "x", "y", value="v")
    assert "no data" in json.dumps(charts.full_specification(chart))
    assert charts.datasets(chart) == {}


def test_long_lines_are_thinned_evenly_and_keep_their_ends():
    prepared = prepare(line([{"x": i, "y": math.sin(i)} for i in range(2000)]))
    xs = [row["x"] for row in prepared.rows]
    assert len(xs) <= 261
    assert (xs[0], xs[-1]) == (0, 1999)
    assert max(np.diff(xs)) == 8
    assert prepared.notes == ("Drawn from every 8th of 2,000 points of a line.",)


# ---- what is computed for the pictures ------------------------------------------------------------


def test_joined_rectangles_cover_the_grid_with_its_own_levels():
    """Painted back pixel by pixel, the rectangles give the grid they came from."""
    generator = np.random.default_rng(3)
    values = np.round(generator.uniform(0, 1, (7, 9)), 3)
    values[2] = 0.5
    rows = [{"x": float(i), "y": float(j), "v": float(values[j, i])} for j in range(7) for i in range(9)]
    cells = charts.datasets(Chart("regions", "r", tuple(rows), "x", "y", value="v"))["cell"]
    painted = np.full((7, 9), -9)
    for cell in cells:
        covered = slice(round(cell["x"] + 0.5), round(cell["x2"] + 0.5))
        assert np.all(painted[round(cell["y"] + 0.5), covered] == -9), "painted twice"
        painted[round(cell["y"] + 0.5), covered] = cell["level"]
    expected = np.where(
        values == 0.5, UNDECIDED, np.searchsorted(np.arange(1, 10) / 10, values, side="right")
    )
    assert np.array_equal(painted, expected)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12),
    st.sampled_from([(0.0, 1.0, False), (1e-6, 1.0, True)]),
)
def test_labels_never_overlap_and_keep_their_order(values, axis):
    low, high, log = axis
    values = [max(value, low) for value in values]
    places = spread_labels(values, (low, high), height=300, gap=15, log=log)
    pixels = [300 * ((math.log(p / low) / math.log(high / low)) if log else p) for p in places]
    ordered = sorted(pixels)
    assert all(b - a >= 15 - 1e-6 for a, b in itertools.pairwise(ordered))
    assert ordered[-1] <= 300 + 1e-6
    by_value = sorted(range(len(values)), key=values.__getitem__)
    assert [pixels[i] for i in by_value] == ordered


@given(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([math.inf, math.nan]), max_size=9), st.booleans())
def test_an_axis_holds_every_finite_value(values, log):
    low, high = extent(values, log=log)
    assert math.isfinite(low)
    assert low < high
    assert all(low <= v <= high for v in values if math.isfinite(v) and (v > 0 or not log))


def test_log_ticks_are_round_and_inside():
    assert log_ticks((0.5, 2000.0), 5) == [1.0, 10.0, 100.0, 1000.0]
    assert log_ticks((1.5, 30.0), 5) == [2.0, 5.0, 10.0, 20.0]
    assert len(log_ticks((1e-30, 1e30), 6)) <= 7
    # too short for 1, 2, 5: even steps
    assert log_ticks((2.14, 4.97), 7) == [2.5, 3.0, 3.5, 4.0, 4.5]
    assert log_ticks((0.0301, 0.0349), 7) == [0.031, 0.032, 0.033, 0.034]


def test_the_histograms_table_agrees_with_the_data_behind_it():
    values = np.random.default_rng(0).normal(3.0, 0.5, 20_000)
    counts, edges = np.histogram(values, bins=200, density=True)
    rows = tuple({"a": a, "b": b, "d": d, "layer": 1}
                 for a, b, d in zip(edges[:-1], edges[1:], counts, strict=True))  # fmt: skip
    chart = Chart("histograms", "h", rows, "a", "d", x2="b", facet_row="layer")
    view = section_of(outcome_with(chart)).figures[0].table
    assert view.headings == ("layer", "mean", "std", "from", "to")
    mean, std = (float(cell.text) for cell in view.rows[0][1:3])
    assert mean == pytest.approx(values.mean(), abs=0.006)  # printed to three digits
    assert std == pytest.approx(values.std(), abs=0.002)


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (2114.0, ".3g", "2,110"), (1.5e-6, ".3g", "1.5e−6"), (1.5e20, ".3g", "1.5e20"), (-0.5, ".1f", "−0.5"),
        (None, ".3g", "–"), (math.nan, ".3g", "–"), (math.inf, ".3g", "∞"), (0.5, ".1%", "50.0%"), (3, "d", "3"),
        (np.float32(0.25), ".2f", "0.25"), (np.int64(7), "d", "7"), ("He", ".3g", "He"), (2.5, "d", "2.5"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_readers(value, spec, text):
    assert number_text(value, spec).text == text


def test_each_section_has_an_anchor_of_its_own():
    twins = [dataclasses.replace(outcome_with(), experiment=name) for name in ("a b", "a-b", "A_B", "<>")]
    assert [s.identifier for s in sections_of(twins)] == ["s-a-b", "s-a-b-2", "s-a-b-3", "s-section"]


# ---- pictures -------------------------------------------------------------------------------------


def test_pictures_are_files_one_for_each_chart(tmp_path):
    outcomes = [report_samples.strategies(), report_samples.clipping()]
    paths = report.write_pictures(outcomes, tmp_path / "new" / "folder", width=620, scale=2)
    assert [path.name for path in paths] == ["strategies-figure-1.png", "clipping-figure-1.png"]
    for path in paths:
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert 1000 < width < 1400
        assert height > 200


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_an_svg_stands_alone_with_plain_colours(tmp_path, mode):
    (path,) = report.write_pictures([report_samples.mnist_training()], tmp_path, "svg", mode=mode)
    text = path.read_text(encoding="utf-8")
    assert "var(--" not in text
    texts = [
        element.text for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert set(report_samples.SCHEMES) <= set(texts)
    assert theme.PALETTES[mode]["c0"] in text


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ReportError, match=r"format 'gif' is none of png, svg"):
        report.write_pictures([], tmp_path, "gif")


# ---- files ----------------------------------------------------------------------------------------


def test_an_unwritable_path_is_one_clear_error(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("here")
    for path in (occupied / "page.html", tmp_path):
        with pytest.raises(ReportError, match=r"cannot write .*; choose another path"):
            report.write_page([], path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr(
        Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(ReportError, match="No space left"):
        report.write_page([], path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# ---- terminal -------------------------------------------------------------------------------------


def summary_of(outcomes, *, encoding: str = "utf-8", **options) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    report.print_summary(outcomes, Console(file=file, **options), page="/home/ada/report.html")
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_summary_is_the_golden_one():
    """ISOGAIN_OVERWRITE_GOLDEN=1 writes the golden file anew; then look at its diff."""
    text = summary_of([report_samples.mnist_training(), report_samples.batch_normalization()])
    if os.environ.get("ISOGAIN_OVERWRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_pipe_gets_plain_text_of_at_most_100_columns():
    text = summary_of(report_samples.everything())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "Page  /home/ada/report.html" in text
    for outcome in report_samples.everything():
        words = outcome.answer.split()
        assert " ".join(words[:5]) in text
        assert outcome.command in text


def test_a_terminal_gets_colour_and_its_own_width():
    text = summary_of(
        [report_samples.mnist_training()], force_terminal=True, width=70, color_system="truecolor"
    )
    assert "\x1b[" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= 70


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_unicode_gets_something_readable(encoding):
    text = summary_of([report_samples.mnist_training()], encoding=encoding)
    assert "He sqrt(2/n)" in text
    assert "+ holds" in text
    assert "?" not in text.replace("learns?", "")


def test_markup_in_names_is_text():
    text = summary_of(
        [outcome_with(claims=(Claim("[bold]x[/]", "holds", "[/nothing]"),), command="run [a-z]")]
    )
    assert "[bold]x[/]" in text
    assert "[/nothing]" in text
    assert "run [a-z]" in text


def test_a_sparkline_spans_its_scale():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 0, 7) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0, 5.0], 5, 5) == "▁▁"
    assert len(sparkline(list(range(1000)), 0, 999)) == 32


# ---- JSON -----------------------------------------------------------------------------------------


def test_the_document_is_strict_versioned_and_complete():
    outcomes = report_samples.everything()
    document = json.loads(report.to_json(outcomes), parse_constant=pytest.fail)
    assert (document["schema"], document["schema_version"]) == ("isogain.outcomes", report.SCHEMA_VERSION)
    assert [found["experiment"] for found in document["outcomes"]] == [o.experiment for o in outcomes]
    for found, outcome in zip(document["outcomes"], outcomes, strict=True):
        assert set(found) == {field.name for field in dataclasses.fields(Outcome)}
        for table, original in zip(found["tables"], outcome.tables, strict=True):
            assert table["rows"] == [dict(row) for row in original.rows]


def test_numbers_json_does_not_know_come_back():
    rows = (
        {
            "x": np.float32(0.5),
            "y": math.inf,
            "z": -math.inf,
            "n": np.int64(3),
            "a": np.arange(2),
            "b": math.nan,
        },
    )
    document = json.loads(report.to_json([Outcome("e", "", "", "", (), (Table("t", (), rows),))]))
    row = document["outcomes"][0]["tables"][0]["rows"][0]
    assert (row["x"], row["n"], row["a"]) == (0.5, 3, [0, 1])
    assert (float(row["y"]), float(row["z"])) == (math.inf, -math.inf)
    assert math.isnan(float(row["b"]))


# ---- what real runs taught ------------------------------------------------------------------------


def test_a_wide_table_drops_columns_rather_than_break_numbers():
    keys = [f"measure {i}" for i in range(12)]
    row = {"start": "Xavier (book) = LeCun, √(1/n)"} | dict.fromkeys(keys, 0.123)
    columns = (Column("start", "start"), *(Column(key, key, ".3f", key, key) for key in keys))
    text = summary_of([Outcome("e", "", "", "", (), (Table("wide", columns, (row,) * 40),))])
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines.count("") < 5
    numbers = re.findall(r"\[.*?\]", text)
    assert numbers
    assert set(numbers) == {"[0.123, 0.123]"}
    assert "… 28 more rows and 8 more columns on the page" in text


def test_dashes_of_the_charts_own_leave_the_series_told_apart_by_shape():
    chart = report_samples.activation_distributions().charts[1]
    text = json.dumps(charts.specification(chart))
    assert prepare(chart).dashes == ("measured", "theory")
    assert '"shape": {"field": "series"' in text
    assert '"strokeDash": {"field": "dash"' in text
    assert '"strokeDash": {"field": "series"' not in text
    rows = charts.datasets(chart)["line"]
    assert len({(row["series"], row["dash"]) for row in rows}) == len({row["id"] for row in rows}) == 8
    assert {row["y"] for row in charts.datasets(chart)["label"]}


def test_long_names_of_rows_are_broken_into_lines():
    chart = report_samples.activation_distributions().charts[0]
    rows = tuple(row | {"scheme": f"a rather long name of {row['scheme']}"} for row in chart.rows)
    labels = {row["row_label"] for row in charts.datasets(dataclasses.replace(chart, rows=rows))["bar"]}
    assert max(len(line) for label in labels for line in label.split("\n")) <= 13
    assert {label.replace("\n", " ") for label in labels} == {row["scheme"] for row in rows}


def test_a_page_of_one_prediction_says_its_title_and_answer_once():
    """As `isogain theory NAME --html` makes it: title and summary are the outcome's own."""
    outcome = report_samples.strategies()
    html = report.render_page(sections_of([outcome]), title=outcome.title, summary=outcome.answer)
    assert html.count(f"<h1>{outcome.title}</h1>") == 1
    assert 'class="unseen">Six strategies side by side</h2>' in html
    assert '<p class="summary">' not in html


def test_words_between_backticks_become_code_and_stay_escaped():
    html = report.render_page(sections_of([outcome_with(notes=("run `a <b>` now",))]))
    assert "run <code>a &lt;b&gt;</code> now" in html
