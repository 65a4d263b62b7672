"""Every result shows itself: few lines of text, HTML with pictures, a data frame, and never a dump of fields."""

from __future__ import annotations

import re
import sys
from functools import cache

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import isogain as ig  # noqa: E402
import isogain.torch as igt  # noqa: E402
from isogain.errors import InspectError, ReportError  # noqa: E402
from isogain.inspect import load_report  # noqa: E402
from isogain.lab import run  # noqa: E402
from isogain.lab.outcome import Chart, Column, Outcome, Outcomes, Table  # noqa: E402
from isogain.rendering import shortened  # noqa: E402

X = torch.randn(16, 32, generator=torch.Generator().manual_seed(0))


def deep(depth=40, width=32):
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def lab_outcome():
    chart = Chart("lines", "a line", ({"x": 1, "y": 2.0}, {"x": 2, "y": 3.0}), "x", "y")
    rows = tuple({"a": place} for place in range(100))
    table = Table("numbers", (Column("a", "a", "d"),), rows)
    return Outcome("one", "One", "Why?", "Because.", (chart,), (table,))


@cache
def results():
    """name -> one of every kind of result that a cell can end in."""
    report = igt.inspect(deep(), X)
    receipt = igt.init_(deep(), X, seed=0)
    small = (nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)), torch.randn(16, 8))
    check = igt.coordinate_check(
        lambda n: nn.Sequential(nn.Linear(8, n), nn.ReLU(), nn.Linear(n, 4)),
        (8, 16),
        small[1],
        seeds=(0,),
        steps=1,
    )
    outcome = lab_outcome()
    return {
        "predict": ig.predict("tanh", depth=50, width=128), "phase_diagram": ig.phase_diagram("tanh", points=24),
        "catalog": ig.catalog(), "advise": ig.advise("tanh", depth=50, width=128), "report": report,
        "receipt": receipt, "plan": receipt.plan, "own_plan": igt.own_plan(igt.deferred(deep)),
        "compare": igt.compare(*small, schemes=("default", "he_normal"), seeds=1), "coordinates": check,
        "diff": report.diff(igt.inspect(igt_started(), X)), "outcome": outcome, "chart": outcome.charts[0],
        "table": outcome.tables[0],
    }  # fmt: skip


def igt_started():
    model = deep()
    igt.init_(model, X, seed=0)
    return model


NAMES = (
    "predict", "phase_diagram", "catalog", "advise", "report", "receipt", "plan", "own_plan", "compare", "coordinates",
    "diff", "outcome", "chart", "table",
)  # fmt: skip
DUMP = re.compile(
    r"\b(?!VarianceScaling|Orthogonal|Mirrored|Normal|Zeros|Uniform|Packed|Delta)[A-Z]\w+\(\w+="
)
"""How a dataclass prints its fields; initializers are values, and print as what makes them."""


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_short_when_printed_and_drawn_in_a_notebook(name):
    result = results()[name]
    text, one, html = str(result), repr(result), result._repr_html_()
    assert 0 < len(text.splitlines()) <= 60
    assert "\n" not in one
    assert len(one) < 400
    assert not DUMP.search(text)
    assert not DUMP.search(one)
    assert "object at 0x" not in text + one
    assert html.startswith("<div")
    assert "<script" not in html
    assert len(html) < 400_000


@pytest.mark.parametrize(
    "name", ["predict", "phase_diagram", "advise", "receipt", "report", "coordinates", "diff", "chart"]
)
def test_what_can_be_drawn_is_drawn(name):
    assert "<svg" in results()[name]._repr_html_()


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_a_frame_where_pandas_is_and_one_clear_error_elsewhere(name, monkeypatch):
    pytest.importorskip("pandas")
    result = results()[name]
    frame = result.to_frame()
    assert len(frame) == len(list(result.records()))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ReportError, match="pip install pandas"):
        result.to_frame()


def test_what_is_left_out_is_counted_and_the_way_there_said():
    assert shortened(["a"] * 3, 3, "x.rows has them all") == ["a"] * 3
    assert shortened(["a"] * 9, 3, "x.rows has them all") == ["a", "a", "... and 7 more; x.rows has them all"]
    hidden = int(re.search(r"and (\d+) more", str(ig.catalog()))[1])
    assert hidden + 59 == len(ig.catalog())


def test_layers_fold_under_what_they_share():
    text = str(results()["report"])
    [line] = [line for line in text.splitlines() if " x 39" in line]
    assert "hidden weight" in line
    assert "first weight" in text
    assert f"{32 * 32 + 32:,}" in line
    assert f"{40 * (32 * 32 + 32) + 32 * 10 + 10:,} parameters in all" in text


def test_the_full_table_has_every_layer():
    table = results()["report"].table(full=True)
    for place in range(0, 82, 2):
        assert re.search(rf"^{place} ", table, re.MULTILINE)
    assert repr(table) == str(table)


def test_a_receipt_has_before_and_after_in_one_view():
    receipt = results()["receipt"]
    before, after = receipt.gradient_spread
    assert before > 8
    assert after < 2
    text = str(receipt)
    assert f"gradients were {before:.3g} decades apart and are {after:.2g}" in text
    assert text.count("a decade is a factor of 10") == 1


def test_an_empty_result_is_shown_too():
    nothing = Outcome("none", "Nothing", "", "", (), ())
    assert "Nothing" in str(nothing)
    assert str(Outcomes()) == ""
    assert Outcomes([nothing])._repr_html_().startswith("<div")


def test_reports_are_read_back_and_compared(tmp_path):
    before, after = igt.inspect(deep(), X), igt.inspect(igt_started(), X)
    paths = tmp_path / "a.json", tmp_path / "b.json"
    for path, report in zip(paths, (before, after), strict=True):
        path.write_text(report.to_json())
    saved = load_report(paths[0])
    assert [one.rms for one in saved.layers] == [one.rms for one in before.layers]
    assert saved.findings == before.findings
    difference = saved.diff(load_report(paths[1]))
    assert difference == before.diff(after)
    page = difference.to_html(tmp_path / "diff.html").read_text()
    assert "Two starts side by side" in page
    for text, said in (
        ("{", "JSONDecodeError"),
        ("{}", "schema"),
        ('{"schema": "isogain.inspect/1"}', "loss"),
    ):
        paths[0].write_text(text)
        with pytest.raises(InspectError, match=said):
            load_report(paths[0])


def test_progress_is_shown_in_a_notebook(monkeypatch):
    from isogain.lab import progress

    display = pytest.importorskip("IPython.display")
    shown = []

    class Handle:
        def update(self, html):
            shown.append(html.data)

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", lambda html, display_id: shown.append(html.data) or Handle())
    with progress.terminal_progress() as report:
        for done in range(1001):
            report("a <study>", done, 1000)
    assert len(shown) == 101
    assert "100 %" in shown[-1]
    assert "&lt;study&gt;" in shown[0]


def test_what_the_lab_returns_shows_itself():
    assert run.__annotations__["return"] == "Outcomes"


class ByHand(nn.Module):
    """A linear layer whose bias is an operation of its own, as Keras has it."""

    def __init__(self, layer):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x):
        return x @ self.weight.T + self.bias


def test_a_bias_added_apart_is_no_layer_of_its_own():
    model = deep(12)
    twin = nn.Sequential(*(ByHand(part) if isinstance(part, nn.Linear) else part for part in model))
    slopes = [igt.inspect(one, X).slopes for one in (model, twin)]
    assert slopes[1]["signal"] == pytest.approx(slopes[0]["signal"], abs=0.02)
    assert abs(slopes[0]["signal"]) > 0.03


def test_the_names_of_two_lines_that_end_together_stand_apart():
    html = results()["report"]._repr_html_()
    found = [
        float(re.search(rf'y="([\d.]+)"[^>]*>{name}</text>', html)[1]) for name in ("signals", "gradients")
    ]
    assert abs(found[0] - found[1]) >= 14


def test_numbers_in_a_picture_are_not_cut():
    rows = tuple({"x": x, "y": 10.0**-x} for x in range(1, 7))
    html = Chart("lines", "a line", rows, "x", "y", log_y=True)._repr_html_()
    assert ">0.001<" in html
