"""The playground as a value, a command and a file: its knobs, its words, its size, its policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path

import pytest
from typer.testing import CliRunner

import isogain as ig
from isogain.cli.app import app
from isogain.playground import digits, laws
from isogain.playground import page as pages
from isogain.playground.knobs import KNOBS, PlaygroundError, checked
from isogain.playground.shown import Playground

LIMIT = 1.5e6


@pytest.fixture(scope="module")
def html() -> str:
    return pages.render({})


def test_the_name_is_the_function_whatever_was_imported() -> None:
    assert callable(ig.playground)
    assert isinstance(ig.playground(depth=3), Playground)


def test_one_file_that_is_small_and_fetches_nothing(html: str) -> None:
    assert len(html.encode()) < LIMIT
    addresses = set(re.findall(r"(?:https?:)?//[a-z][\w.]+\.[a-z]{2,}\S*", html))
    assert {address.rstrip('",;') for address in addresses} <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"<(?:link|img|iframe)\b|\bsrc=|@import|\bfetch\(|XMLHttpRequest|\beval\(|new Function", html
    )


def test_the_policy_names_exactly_the_scripts_that_are_there(html: str) -> None:
    policy = re.search(r'Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    scripts = re.findall(r"<script(?: id=\"engine\")?>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy[1]) == hashes
    assert "default-src 'none'" in policy[1]
    assert "'unsafe-inline'" not in policy[1].split("script-src")[1].split(";")[0]


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


def test_both_languages_say_everything() -> None:
    english, chinese = pages.words("en"), pages.words("zh")
    assert english.keys() == chinese.keys()
    assert all(placeholders(english[name]) == placeholders(chinese[name]) for name in english)
    same = {name for name in english if english[name] == chinese[name]}
    assert same == {"residual_one"}
    formulas = {"law_glorot_normal", "law_inverse_sum_normal", "verdict", "other_language"}
    assert {
        name for name, text in chinese.items() if not re.search(r"[\u4e00-\u9fff]", text)
    } == formulas | same


def test_every_word_that_the_page_asks_for_is_there(html: str) -> None:
    source = html.split('<script type="application/json"')[0] + "".join(
        re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    )
    asked = set(re.findall(r'data-word="(\w+)"', source)) | set(re.findall(r'word\("(\w+)"', source))
    assert len(asked) > 50
    assert asked <= pages.words("en").keys()


def test_each_choice_of_a_knob_that_is_a_word_has_one() -> None:
    for name in ("normalization", "residual", "inputs", "task"):
        assert {f"{name}_{value}" for value in KNOBS[name].of} <= pages.words("en").keys()  # type: ignore[union-attr]
    assert {f"knob_{name}" for name in KNOBS if name not in ("scene", "lang")} <= pages.words("zh").keys()


def test_the_laws_are_the_catalogs_own() -> None:
    for row in laws.rows():
        assert row["initializer"] == ig.get(row["name"]).to_dict()
        assert row["formula"] == ig.catalog()[row["name"]].formula


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"activaton": "relu"}, "did you mean 'activation'"),
        ({"law": "he_norml"}, "did you mean 'he_normal'"),
        ({"depth": 0}, "whole number from 1 to 50, got 0"),
        ({"depth": 2.5}, "whole number"),
        ({"depth": True}, "whole number"),
        ({"gain": float("nan")}, "number from 0.01 to 100"),
        ({"gain": "2"}, "number from 0.01"),
        ({"lang": "de"}, "it may be en, zh"),
        ({"seed": -1}, "from 0"),
        ({"rate": 9}, "number from 0.001 to 3"),
    ],
)
def test_a_knob_that_cannot_stand_there_is_refused(knobs: dict[str, object], message: str) -> None:
    with pytest.raises(PlaygroundError, match=re.escape(message)):
        ig.playground(**knobs)


def test_every_start_is_a_place_where_the_knob_can_stand() -> None:
    starts = {name: knob.start for name, knob in KNOBS.items()}
    assert checked(starts) == starts


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    page = ig.playground(activation="gelu", lang="zh")
    frame = page._repr_html_()
    document = unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])  # type: ignore[index]
    assert document == page.html()
    assert '<html lang="zh-Hans">' in document
    assert (
        repr(page)
        == "playground(activation='gelu', lang='zh'): .to_html(\"playground.html\") writes it, .open() shows it"
    )


def test_open_writes_a_file_and_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address))
    path = ig.playground().open()
    assert shown == [path.as_uri()]
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("named", [True, False])
def test_the_command_opens_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["playground", "--open", *(["--html", "page.html"] if named else [])])
    assert result.exit_code == 0, result.output
    assert [Path(address.removeprefix("file://")).exists() for address in shown] == [True]
    assert [path.name for path in tmp_path.iterdir()] == (["page.html"] if named else [])


def test_without_scikit_learn_the_page_has_no_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "packed", lambda: None)
    settings = json.loads(re.search(r'id="settings">(.*?)</script>', pages.render({}))[1])  # type: ignore[index]
    assert settings["knobs"]["inputs"]["of"] == ["normal", "uniform"]
    assert settings["knobs"]["task"]["of"] == ["circles", "moons", "spirals"]


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    result = CliRunner().invoke(
        app, ["playground", "--html", str(target), "--lang", "zh", "--set", "depth=9", "--set", "gain=0.5"]
    )
    assert result.exit_code == 0, result.output
    assert str(target) in result.output
    settings = json.loads(re.search(r'id="settings">(.*?)</script>', target.read_text(encoding="utf-8"))[1])  # type: ignore[index]
    assert settings["state"] == {"depth": 9, "gain": 0.5}
    assert settings["knobs"]["lang"]["start"] == "zh"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "depth"], "KNOB=VALUE"),
        (["--set", "depth=deep"], "takes a number"),
        (["--set", "law=he_norml"], "he_normal"),
    ],
)
def test_the_command_says_what_it_cannot_set(tmp_path: Path, options: list[str], message: str) -> None:
    target = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["playground", "--html", str(target), *options])
    assert result.exit_code == 2
    assert message in result.output
    assert not target.exists()


def test_the_language_is_the_one_that_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOGAIN_LANG", "zh")
    assert '<html lang="zh-Hans">' in ig.playground().html()
    assert '<html lang="en">' in ig.playground(lang="en").html()
