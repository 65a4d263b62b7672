"""Runs the Python blocks of the pages, in page order; what they print is what is shown below them.

`python docs/blocks.py [PAGE ...]` writes the outputs anew, into the Chinese pages too.  An output agrees
where its words are the same and its numbers within a fiftieth (or one unit of their last place; the ends of
an interval [a, b] within a tenth of its width); `...` stands for anything.  tests/test_docs_blocks.py runs
the same without writing.
"""

from __future__ import annotations

import doctest
import linecache
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w])")
INTERVAL = re.compile(rf"\[({NUMBER.pattern}), ({NUMBER.pattern})\]")
TOLERANCE, WIDTH = 0.02, 0.1
SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def pages() -> list[Path]:
    """README and every page of docs/; the Chinese ones hold the same blocks and are not run."""
    found = sorted(HERE.rglob("*.md"))
    return [ROOT / "README.md", *(page for page in found if HERE / "zh" not in page.parents)]


def twin(page: Path) -> Path:
    """The Chinese page of an English one, whether or not it is there."""
    if HERE not in page.parents:
        return page.with_name(f"{page.stem}.zh.md")
    return HERE / "zh" / page.relative_to(HERE)


def agree(shown: str, said: str) -> bool:
    """Whether an output may stand for another."""
    if doctest.OutputChecker().check_output(shown, said, SHOWN):
        return True
    if "..." in shown or NUMBER.sub("#", shown).split() != NUMBER.sub("#", said).split():
        return False
    numbers = list(NUMBER.finditer(shown))
    return all(map(_close, (one.group() for one in numbers), NUMBER.findall(said), _rooms(shown, numbers)))


def _close(shown: str, said: str, room: float) -> bool:
    a, b = _value(shown), _value(said)
    return abs(a - b) <= max(TOLERANCE * abs(a), _last_place(shown) * 1.001, room)


def _value(number: str) -> float:
    return float(number.replace("−", "-"))


def _rooms(shown: str, numbers: list[re.Match[str]]) -> list[float]:
    """How far each number may be off besides: what is measured to within an interval, by a part of it."""
    found = {
        one.start(k): WIDTH * abs(_value(one[2]) - _value(one[1]))
        for one in INTERVAL.finditer(shown)
        for k in (1, 2)
    }
    return [found.get(one.start(), 0.0) for one in numbers]


def _last_place(number: str) -> float:
    """One unit of the last digit: .01 of 3.14, 1e-5 of 1.2e-4."""
    digits, _, exponent = number.partition("e")
    return float(f"1e{int(exponent or 0) - len(digits.partition('.')[2])}") if "." in digits else 0.0


class Page:
    """One page as it runs: what its last block printed, and what would have to be written."""

    def __init__(self, path: Path, keep: bool = True) -> None:
        self.keep = keep
        self.said: Example | None = None
        self.output = ""
        self.edits: list[tuple[int, int, str]] = []
        code, output = CodeBlockParser("python", self.run), CodeBlockParser("output", self.compare)
        self.document = Document.parse(str(path), code, output)
        self.document.path = path.name  # what a page prints of its own lines is the same everywhere
        text = self.document.text
        linecache.cache[path.name] = len(text), None, text.splitlines(keepends=True), path.name

    def __iter__(self) -> Iterator[Example]:
        yield from self.document.examples()

    def run(self, example: Example) -> None:
        """A python block: its output waits for the block below it."""
        self.settle()
        with redirect_stdout(StringIO()) as said:
            PythonEvaluator()(example)
        self.said, self.output = example, plain(said.getvalue())

    def compare(self, example: Example) -> str | None:
        """An output block: what the code above it printed."""
        between = self.document.text[self.said.end : example.start] if self.said else "nothing printed"
        if between.strip():
            return "an output block that stands below no code"
        said, self.said = self.output, None
        if agree(example.parsed, said):
            return None
        self.edits.append((example.start, example.end, fenced(said)))
        return f"printed instead:\n{said}" if self.keep else None

    def settle(self) -> None:
        """Whatever the block before printed has been shown by now."""
        if self.said is not None and self.output.strip():
            self.edits.append((self.said.end, self.said.end, "\n\n" + fenced(self.output)))
            assert not self.keep, f"line {self.said.line} prints what is not shown below it:\n{self.output}"
        self.said = None

    def written(self) -> str:
        """The page with its outputs as they are now."""
        text = self.document.text
        for start, end, new in reversed(self.edits):
            text = text[:start] + new + text[end:]
        return text


def plain(said: str) -> str:
    """Without colours, trailing blanks and empty lines at the ends."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", said)
    return "\n".join(line.rstrip() for line in said.strip("\n").split("\n")) + "\n"


def fenced(said: str) -> str:
    """As a block of a page."""
    return f"```output\n{said}```"


def play(path: Path, keep: bool = True) -> Page:
    """Runs a page in an empty folder; with `keep`, raises where something else is printed than is shown."""
    page = Page(path, keep)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for example in page:
            example.evaluate()
        page.settle()
    return page


def blocks(text: str) -> list[str]:
    """Every fenced block of a page, in order."""
    return [match.group() for match in FENCED.finditer(text)]


FENCED = re.compile(r"^```[^\n]*\n.*?^```$", re.MULTILINE | re.DOTALL)


def lent(text: str, blocks_of: str) -> str:
    """A page with the blocks of another in place of its own, which have to be as many without the outputs."""
    text = re.sub(r"\n\n```output\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    theirs = iter(
        re.findall(r"^```(?!output)[^\n]*\n.*?^```$(?:\n\n```output\n.*?^```$)?", blocks_of, *FLAGS)
    )
    return FENCED.sub(lambda match: next(theirs, match.group()), text)


FLAGS = (re.MULTILINE | re.DOTALL,)


def main(names: list[str]) -> None:
    """Writes outputs anew."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    for page in [Path(name).resolve() for name in names] or pages():
        text = play(page, keep=False).written()
        page.write_text(text, encoding="utf-8")
        if (other := twin(page)).exists():
            other.write_text(lent(other.read_text(encoding="utf-8"), text), encoding="utf-8")
        print(f"ran {page.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
