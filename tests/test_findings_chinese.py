"""Every sentence of a finding has a Chinese one that says the same numbers: the rules' own code is asked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import isogain.torch as igt
from isogain.inspect import CODES, Report, read_report
from isogain.inspect.text import as_text
from isogain.report import words
from isogain.report.chinese import PLACE, chinese, pairs
from isogain.report.inspection import render_inspection

SOURCE = Path(__file__).parents[1] / "src" / "isogain"
RULES = [
    *sorted((SOURCE / "inspect" / "rules").glob("*.py")),
    *(SOURCE / "inspect" / f"{name}.py" for name in ("causes", "proving", "expectations")),
    SOURCE / "torch" / "training" / "pace.py",
]
HAN = re.compile("[\u4e00-\u9fff]")
CODE = re.compile(r"igt\.|torch\.amp|\bfor \w+ in |targets = |\[\{|\({|\}\)$|lambda|^<")
"""Lines of code that a finding gives, places in a model and other strings that no reader is told."""
FILLED = {
    "UNEXPLAINED": "no gain explains it",
    "FLAT": "its units saturate, where slopes are near 0",
    "SILENT": "reads nothing but zeros: what lies in front of it hands on none of the signal",
    "verb": "make",
    "known": "",
    "offset": "",
    "share": "lose 7 of",
}
"""What these variables of the rules hold: a word, or a part that may be missing."""
NAMES = (
    "residual branch end",
    "residual sum",
    "tied head",
    "random projection",
    "lose 7 of",
    "multiply by 7",
)


@pytest.fixture(autouse=True)
def _english_again():
    yield
    words.speak("")


def sentences(path: Path) -> Iterator[str]:
    """The strings of a file with more than one word; what is filled in is written as 7."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(inner) for inner in ast.walk(node) if inner is not node}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(_part(one) for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.replace("{}", "7")


def _part(one: ast.expr) -> str:
    if isinstance(one, ast.Constant):
        return str(one.value)
    plain = isinstance(one, ast.FormattedValue) and one.format_spec is None
    return FILLED.get(ast.unparse(one.value), "7") if plain else "7"


def told(text: str) -> bool:
    """Whether a reader is told it: words, and no code."""
    plain = text.replace("7", " ").strip(" ;,:()")
    return (
        bool(re.search(r"[a-z]{2,}[ ,]+[a-z]|[a-z]{3,} *$", plain))
        and " " in text.strip()
        and not CODE.search(text)
    )


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_sentence_of_the_rules_has_a_chinese_one(path):
    for text in sentences(path):
        if not told(text) or text in NAMES:
            continue
        text = "7" + text if text.startswith(" ") else text.strip(",; ")
        said = chinese(text)
        assert HAN.search(said), f"{path.name}: no Chinese for {text!r}"
        assert sorted(re.findall(r"\d+", said)) == sorted(re.findall(r"\d+", text)), (text, said)


def test_both_languages_have_the_same_places_and_numbers():
    for english, said in pairs():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(said)), english
        assert HAN.search(PLACE.sub("", said)) or not re.search("[a-z]{3}", english), english
        without = [sorted(re.findall(r"\d+(?:\.\d+)?", PLACE.sub("", one))) for one in (english, said)]
        assert without[0] == without[1], (english, said)


def test_no_sentence_has_two_translations():
    english = [pair.english for pair in pairs()]
    assert len(set(english)) == len(english)


def deep(depth: int = 30) -> Report:
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(32, 32), nn.ReLU())]
    return igt.inspect(nn.Sequential(*layers, nn.Linear(32, 10)), torch.randn(64, 32))


def test_a_report_is_told_in_chinese_with_the_numbers_of_the_english_one():
    report = deep()
    assert {finding.code for finding in report.findings} >= {"vanishing-backward"}
    for finding in report.findings:
        for text in (finding.measured, finding.expected, finding.why):
            said = chinese(text)
            assert HAN.search(said), text
            assert sorted(re.findall(r"[\d.e+-]*\d", said)) == sorted(re.findall(r"[\d.e+-]*\d", text))


def test_page_and_text_speak_and_the_data_stays_english():
    report = deep()
    english = report.to_json()
    words.speak("zh")
    assert "梯度" in str(report)
    assert "30 层中每层使梯度损失" in render_inspection(report)
    assert "each lose" not in render_inspection(report)
    assert "each lose" not in str(report)
    assert report.to_json() == english
    words.speak("en")
    assert str(report) == as_text(report)


def test_a_report_read_from_a_file_speaks_too():
    stored = read_report(deep().to_json())
    words.speak("zh")
    assert "30 层中每层使梯度损失" in str(stored)


def test_lines_of_text_are_a_terminal_wide():
    words.speak("zh")
    wide = [sum(2 if HAN.match(letter) or letter in "\uff0c\uff1a\uff1b\uff08\uff09" else 1 for letter in line)
            for line in str(deep()).splitlines()]  # fmt: skip
    assert max(wide) <= 102


def test_what_is_not_known_stays_as_it_is():
    for text in ("conv1.weight", "a, b and c", "Signals of my own: and so on", *CODES):
        assert chinese(text) == text
