"""What counts as mended: the finding is gone, nothing else is worse, and the first loss does not rise."""

from __future__ import annotations

import math

import pytest

from isogain.graph import Graph
from isogain.inspect.findings import Finding
from isogain.inspect.fixes import Change, Dialect, Fix, line_of
from isogain.inspect.proving import MOST, proved
from isogain.inspect.report import Report
from isogain.inspect.table import Table

WORDS = Dialect("p[{name}]", {"fill": "{p} = {value}", "norm": "{p} *= {value}"})
ONE, TWO = (Fix((Change("fill", ((name, 0.0),)),)) for name in ("a", "b"))


def finding(code, severity="critical", path="x", mends=(ONE,)):
    return Finding(code, severity, path, "", "", "", mends=mends)


def report(*findings, loss=1.0):
    table = Table(Graph((), ()), {}, {}, {}, loss_value=loss, loss_source="loss")
    return Report(table, findings)


def fix_of(before, after):
    return proved(before, lambda fix: after, WORDS).findings[0].fix


def test_a_fix_that_mends_is_said():
    assert fix_of(report(finding("dead-units")), report()) == "p['a'] = 0"


@pytest.mark.parametrize(
    "after",
    [
        report(finding("dead-units")),
        report(finding("dead-units", path="y")),
        report(finding("rank-collapse", "warning")),
        report(loss=1.5),
        report(loss=math.nan),
        None,
    ],
    ids=["still there", "moved", "another instead", "loss up", "loss lost", "raised"],
)
def test_a_fix_that_does_not_is_not(after):
    assert fix_of(report(finding("dead-units")), after) == ""


def test_less_severe_is_better_and_a_little_loss_is_noise():
    assert fix_of(report(finding("dead-units")), report(finding("dead-units", "warning"), loss=1.2))


def test_one_cause_has_one_line_and_is_tried_once():
    tried = []

    def attempt(fix):
        tried.append(fix)
        return report() if fix is TWO else None

    before = report(
        finding("exploding-forward", mends=(TWO,)),
        finding("initial-loss", mends=(ONE,)),
        finding("dead-units"),
    )
    assert [f.fix for f in proved(before, attempt, WORDS).findings] == [line_of(TWO, WORDS)] * 3
    assert tried == [ONE, TWO]  # dead units explain the others, so theirs was tried first


def test_trials_are_bounded():
    tried = []
    many = tuple(Fix((Change("fill", ((str(k), 0.0),)),)) for k in range(20))
    found = proved(report(finding("dead-units", mends=many)), lambda fix: tried.append(fix), WORDS)
    assert len(tried) == MOST
    assert found.findings[0].remark


def test_a_framework_is_not_asked_for_what_it_cannot_say():
    unsayable = Fix((Change("orthogonal", (("a", 1.0),)),))
    found = proved(report(finding("dead-units", mends=(unsayable,))), lambda fix: pytest.fail("tried"), WORDS)
    assert found.findings[0].fix == ""


def test_without_a_copy_only_what_leaves_numbers_alone_is_said():
    said = Fix((Change("data", text="targets = targets / 10"),))
    before = report(finding("dead-units"), finding("initial-loss", mends=(said,)))
    found = proved(before, lambda fix: pytest.fail("tried"), WORDS, "it is too large").findings
    assert [f.fix for f in found] == ["", "targets = targets / 10"]
    assert "too large" in found[0].remark


def test_a_line_that_mends_after_another_says_which():
    before = report(finding("dead-units", path="a"), finding("rank-collapse", path="b", mends=(TWO,)))
    left = {
        ONE: report(finding("rank-collapse", path="b")),
        TWO: report(finding("dead-units", path="a"), finding("rank-collapse", path="b")),
        ONE + TWO: report(),
    }
    found = proved(before, left.__getitem__, WORDS).findings
    assert [one.fix for one in found] == ["p['a'] = 0", "p['b'] = 0"]
    assert [one.remark for one in found] == ["", "after that of dead-units:a"]
    left[ONE + TWO] = report(finding("symmetric-units"))
    assert proved(before, left.__getitem__, WORDS).findings[1].fix == ""


def test_lines_after_others_have_room_of_their_own():
    failing = tuple(Fix((Change("fill", ((str(k), 0.0),)),)) for k in range(MOST))
    before = report(
        finding("dead-units", path="a"), finding("rank-collapse", path="b", mends=(TWO, *failing))
    )
    mended = {ONE: report(finding("rank-collapse", path="b")), ONE + TWO: report()}
    found = proved(before, mended.get, WORDS).findings
    assert found[1].fix == "p['b'] = 0"


def test_nothing_is_tried_after_lines_that_change_no_number():
    said = Fix((Change("data", text="targets = targets / 10"),))
    before = report(finding("initial-loss", mends=(said,)), finding("dead-units", mends=(ONE,)))
    tried = []
    assert proved(before, lambda fix: tried.append(fix), WORDS).findings[1].fix == ""
    assert tried == [ONE]
