"""The documentation is true: generated pages are fresh, examples run, links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import isogain
import isogain as ig

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


@pytest.mark.parametrize("name", ["catalog.md", "atlas.md", "atlas_changes.md"])
def test_generated_pages_are_fresh(name):
    pages = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages[name](), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def modules() -> list[str]:
    skipped = re.compile(r"_native|__main__")
    found = pkgutil.walk_packages(isogain.__path__, "isogain.")
    return [module.name for module in found if not skipped.search(module.name)]


@pytest.mark.parametrize("name", ["isogain", *modules()])
def test_examples_in_docstrings_run(name):
    if name.startswith("isogain.jax"):
        pytest.importorskip("jax")
    if name.startswith("isogain.keras"):
        pytest.importorskip("keras")
    module = importlib.import_module(name)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    names = {"np": np, "ig": ig} | ({"torch": importlib.import_module("torch")} if "torch" in name else {})
    result = doctest.testmod(module, optionflags=options, extraglobs=names)
    assert result.failed == 0


def test_every_public_name_is_documented():
    bare = [name for name in ig.__all__ if not (getattr(ig, name).__doc__ or name == "__version__")]
    assert not bare


@pytest.mark.parametrize(
    ("page", "words"), [("README.md", "All {} names"), ("README.zh.md", "全部 {} 个名字")]
)
def test_the_readme_counts_the_catalog(page, words):
    assert words.format(len(ig.catalog())) in (ROOT / page).read_text(encoding="utf-8")
