"""The Chinese pages say what the English ones say: the same headings, blocks, numbers and links."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = runpy.run_path(str(ROOT / "docs" / "blocks.py"))
PAIRS = [(page, BLOCKS["twin"](page)) for page in BLOCKS["pages"]() if BLOCKS["twin"](page).exists()]


def sections(text: str) -> list[str]:
    """A page without its blocks, cut at its headings."""
    return re.split(r"(?m)^(?=#+ )", BLOCKS["FENCED"].sub("", text))[1:]


def levels(text: str) -> list[int]:
    return [len(re.match("#+", one).group()) for one in sections(text)]


def numbers(section: str) -> Counter[str]:
    """Numbers in digits, wherever they stand; what links lead to is not prose."""
    prose = re.sub(r"\]\([^)]*\)", "]", section)
    return Counter(re.findall(r"(?<![A-Za-z_\d])\d*\.?\d+(?![\d])", prose.replace(",", "")))


def ids(pair: tuple[Path, Path]) -> str:
    return str(pair[0].relative_to(ROOT))


def test_every_tutorial_is_translated():
    english = {page.name for page in (ROOT / "docs" / "tutorials").glob("*.md")}
    assert english == {page.name for page in (ROOT / "docs" / "zh" / "tutorials").glob("*.md")}
    assert {"README.md", "faq.md", "glossary.md"} <= {page.name for page, _ in PAIRS}


@pytest.mark.parametrize("pair", PAIRS, ids=ids)
def test_same_headings_and_blocks(pair):
    english, chinese = (page.read_text(encoding="utf-8") for page in pair)
    assert levels(chinese) == levels(english)
    assert BLOCKS["blocks"](chinese) == BLOCKS["blocks"](english), "run `make outputs`"


@pytest.mark.parametrize("pair", PAIRS, ids=ids)
def test_same_numbers_in_every_section(pair):
    english, chinese = (sections(page.read_text(encoding="utf-8")) for page in pair)
    for ours, theirs in zip(english, chinese, strict=True):
        assert numbers(theirs) == numbers(ours), ours.partition("\n")[0]


@pytest.mark.parametrize("pair", PAIRS, ids=ids)
def test_same_images_and_as_many_links(pair):
    english, chinese = (page.read_text(encoding="utf-8") for page in pair)
    assert re.findall(r"!\[[^\]]*\]\(([^)]*)\)", chinese) == re.findall(r"!\[[^\]]*\]\(([^)]*)\)", english)
    assert len(re.findall(r"\]\(", chinese)) == len(re.findall(r"\]\(", english))


def test_glossaries_have_the_same_rows():
    english, chinese = (
        page.read_text(encoding="utf-8") for page in (ROOT / "docs/glossary.md", ROOT / "docs/zh/glossary.md")
    )
    rows = [re.findall(r"(?m)^\| (.*?) \| (.*?) \| .* \|$", text)[1:] for text in (english, chinese)]
    assert [(a, b) for a, b in rows[0]] == [(b, a) for a, b in rows[1]]


@pytest.mark.parametrize("pair", PAIRS, ids=ids)
def test_chinese_is_chinese(pair):
    prose = "".join(sections(pair[1].read_text(encoding="utf-8")))
    assert len(re.findall(r"[\u4e00-\u9fff]", prose)) > 100


def test_the_checks_can_fail():
    assert numbers("50 layers, 1,000 units, .95") == Counter(["50", "1000", ".95"])
    assert numbers("50 层，1,000 个神经元，.95") == numbers("50 layers, 1,000 units, .95")
    assert numbers("40 层") != numbers("50 layers")
    assert levels("# a\n\n## b\n\n```\n# no heading\n```\n") == [1, 2]
