"""What a trial shows: print, JSON, frame, page, figures."""

from __future__ import annotations

import json

import pytest

from isogain.errors import TrialError
from isogain.report.chinese import chinese
from trial_problems import small, tried


@pytest.fixture(scope="module")
def found():
    return tried(starts=("own", "he_normal", "init_"))


class TestShown:
    """It prints short, and goes to JSON, a frame, a page, a notebook and figures."""

    def test_it_prints_at_most_sixty_lines_whatever_there_is_to_say(self, found):
        assert all(len(line) <= 100 for line in str(found).splitlines())
        many = {f"start {i}": small for i in range(40)}
        assert len(str(tried(starts=many, steps=1, seeds=2, rates=(0.01,))).splitlines()) <= 60

    def test_its_json_is_versioned_and_whole(self, found):
        told = json.loads(found.to_json())
        assert told["schema"] == "isogain.trial/1"
        assert len(told["runs"]) == 18
        assert {one["start"] for one in told["standings"]} == {"own", "he_normal", "init_"}

    def test_its_frame_has_a_row_a_run(self, found):
        frame = found.to_frame()
        assert len(frame) == 18
        assert frame.score.notna().all()

    def test_its_page_and_figures_are_written(self, found, tmp_path):
        page = found.to_html(tmp_path / "try.html").read_text()
        assert "Prediction and outcome" in page
        assert found.figure("curves", tmp_path / "c.svg").read_text().startswith("<svg")
        assert found.figure("rates", tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
        assert found.figure("ranking").to_dict()["data"]
        assert "<svg" in found._repr_html_()
        with pytest.raises(TrialError, match="figure: one of"):
            found.figure("pie")


def test_an_answer_of_several_rivals_is_said_in_chinese():
    told = "Level: own, he cannot be told apart at 95%; own is ahead of a by 0.5 [0.4, 0.6], b (x, y) by 0.7 [0.5, 0.9]."
    assert chinese(told).endswith("own 领先 a（差 0.5 [0.4, 0.6]）、b (x, y)（差 0.7 [0.5, 0.9]）。")
