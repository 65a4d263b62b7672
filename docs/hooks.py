"""Hooks of MkDocs: what lies beside docs/ becomes pages, tutorials notebooks; pages have a language."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

from isogain.playground.shown import Playground

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import notebooks  # noqa: E402  (beside this file, which is no package)
from shadowed import shadowed  # noqa: E402

ROOT = HERE.parent
BROUGHT = {
    ROOT / "README.md": "index.md",
    ROOT / "README.zh.md": "zh/index.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "CHANGELOG.md": "changelog.md",
}
"""Pages that lie beside docs/, and their places in the site."""
SOURCES = {uri: path for path, uri in BROUGHT.items()}
NOTEBOOK = {"en": "Download this page as a notebook", "zh": "把本页下载为笔记本"}
PLAYGROUND = "playground/page.html"
"""Where the site has the playground itself."""
LINK = re.compile(r"(?<=\]\()([^)#\s]+)(?=[^)]*\))")


def on_config(config: Any) -> Any:
    """The navigation without pages that are not written yet."""
    config.nav = [kept for kept in map(_written, config.nav) if kept]
    return config


def _written(entry: Any) -> Any:
    if isinstance(entry, str):
        return entry if entry in SOURCES or (HERE / entry).exists() else None
    ((title, inside),) = entry.items()
    kept = [_written(one) for one in inside] if isinstance(inside, list) else _written(inside)
    kept = [one for one in kept if one] if isinstance(kept, list) else kept
    return {title: kept} if kept else None


def on_files(files: Files, config: Any) -> Files:
    """README and its neighbours, the playground, and a notebook for each tutorial and example."""
    for path, uri in BROUGHT.items():
        files.append(File.generated(config, uri, content=path.read_text(encoding="utf-8")))
    for page in [one for one in files.documentation_pages() if is_tutorial(one.src_uri)]:
        text = notebooks.of_page(Path(page.abs_src_path).read_text(encoding="utf-8"))
        files.append(File.generated(config, page.src_uri.replace(".md", ".ipynb"), content=text))
    files.append(File.generated(config, PLAYGROUND, content=Playground().html()))
    for example in sorted((ROOT / "examples").glob("*.ipynb")):
        files.append(File.generated(config, f"examples/{example.name}", abs_src_path=str(example)))
    return files


def is_tutorial(uri: str) -> bool:
    """Whether a page is offered as a notebook."""
    return "tutorials/" in uri


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the site has its pages, and the way to the notebook."""
    uri = page.file.src_uri
    source = SOURCES.get(uri, HERE / uri)
    markdown = LINK.sub(lambda found: relinked(found.group(), source, uri), markdown)
    if uri.startswith("reference/"):
        markdown = re.sub(r"(?m)^::: (isogain[.\w]*)$", _with_shadowed, markdown)
    if uri.removeprefix("zh/") == "playground.md":
        place = os.path.relpath(PLAYGROUND, Path(uri).parent)
        ways = f"[Open the playground]({place}) · [打开实验场]({place}#lang=zh)"
        markdown = re.sub(r"\A(# .*\n)", rf"\1\n{ways}\n", markdown)
    if is_tutorial(uri):
        link = f"[{NOTEBOOK[language(uri)]}]({Path(uri).stem}.ipynb){{ .notebook download }}"
        markdown = re.sub(r"\A(# .*\n)", rf"\1\n{link}\n", markdown)
    return markdown


def _with_shadowed(found: re.Match[str]) -> str:
    """A package's reference, and after it the functions that its modules hide."""
    package = found.group(1)
    options = "    options:\n      show_root_heading: true\n      show_root_toc_entry: true"
    return "\n\n".join([found.group(), *(f"::: {place}\n{options}" for place in shadowed(package))])


def relinked(target: str, source: Path, uri: str) -> str:
    """The place of a linked file, as seen from this page of the site."""
    if ":" in target:
        return target
    path = (source.parent / target).resolve()
    if path in BROUGHT:
        place = BROUGHT[path]
    elif path == ROOT / "examples":  # a folder
        place = "examples.md"
    elif ROOT / "examples" in path.parents:
        place = path.relative_to(ROOT).as_posix()
    elif HERE in path.parents:
        place = path.relative_to(HERE).as_posix()
    else:
        return target
    return os.path.relpath(place, Path(uri).parent)


def language(uri: str) -> str:
    """en or zh."""
    return "zh" if uri.startswith("zh/") else "en"


def on_page_context(context: Any, page: Any, config: Any, **_: Any) -> Any:
    """The theme's own words in the page's language, and the way to the page in the other."""
    uri = page.file.src_uri
    config.theme["language"] = language(uri)
    twins = {"en": uri.removeprefix("zh/"), "zh": uri if uri.startswith("zh/") else f"zh/{uri}"}
    names = {"en": "English", "zh": "中文"}
    config.extra["alternate"] = [
        {
            "name": names[lang],
            "lang": lang,
            "link": (twin if twin in KNOWN else home(lang)).replace(".md", ".html"),
        }
        for lang, twin in twins.items()
    ]
    return context


KNOWN: set[str] = set()


def on_nav(nav: Any, files: Files, **_: Any) -> Any:
    """Which pages there are, for the ways between languages."""
    KNOWN.update(file.src_uri for file in files.documentation_pages())
    return nav


def home(lang: str) -> str:
    """The first page of a language."""
    return "zh/index.md" if lang == "zh" else "index.md"


def on_post_page(output: str, **_: Any) -> str:
    """Without the links by which the theme would look for a sitemap, which cannot be read from a folder."""
    return re.sub(r"<link rel=\"alternate\"[^>]*>", "", output)


class Examples(griffe.Extension):
    """Doctests in docstrings as code, not as quotations; modules are introduced by their pages."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Fences every run of >>> lines with what follows it."""
        if obj.is_module:
            obj.docstring = None
        if obj.docstring:
            obj.docstring.value = re.sub(r"(?m)^>>> (?:.+\n?)+", _fenced, obj.docstring.value)


def _fenced(found: re.Match[str]) -> str:
    return f"\n```pycon\n{found.group().rstrip()}\n```\n"
