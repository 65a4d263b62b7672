"""One self-contained HTML page of Sections: nothing is fetched when it opens, and its policy forbids it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup, escape

from isogain._version import __version__
from isogain.errors import ReportError
from isogain.report import theme
from isogain.report.charts import WIDTHS, datasets, specification
from isogain.report.pictures import static_svg
from isogain.report.prepare import Record
from isogain.report.view import MARKS, Figure, Section, verdict_counts
from isogain.report.words import say, tag

__all__ = ["render_page"]

_CLASSES = {"holds": "holds", "holds in part": "part", "does not hold": "fails", "not settled": "open"}


def render_page(sections: Sequence[Section], *, title: str = "isogain", summary: str | None = None) -> str:
    """The whole page as HTML: a summary with every answer, then one section after the other.

    Every name and text is escaped; with scripts switched off each picture is still there, as drawn
    beforehand.  `summary` replaces the sentence that counts what was asked and found.
    """
    figures = [figure for section in sections for figure in section.figures]
    identifiers = [figure.identifier for figure in figures] + [section.identifier for section in sections]
    if len(set(identifiers)) < len(identifiers):
        raise ReportError("two sections of one page share an identifier; make them with sections_of")
    own = _asset("common.js") + _asset("page.js")
    scripts = [_bundle(), own] if figures else [own]
    return _template().render(
        title=title,
        summary=_summary(sections) if summary is None else summary,
        sections=sections,
        pictures={figure.identifier: Markup(static_svg(figure)) for figure in figures},
        say=say, tag=tag(),
        ticked=_ticked, counts=verdict_counts, plural=_plural, signs=MARKS, classes=_CLASSES,
        style=Markup(_style()),
        payload=Markup(_script_json(_payload(figures))),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        version=__version__,
    )  # fmt: skip


def _summary(sections: Sequence[Section]) -> str:
    if not sections:
        return ""
    claims = [claim for section in sections for claim in section.claims]
    asked = "1 question" if len(sections) == 1 else f"{len(sections)} questions"
    said = f"{asked}, each answered by experiment."
    if not claims:
        return said
    counted = [f"{count} {_plural(verdict, count)}" for verdict, count in verdict_counts(claims)]
    found = counted[0] if len(counted) == 1 else f"{', '.join(counted[:-1])} and {counted[-1]}"
    return f"{said} Of {len(claims)} claims examined, {found}."


def _plural(verdict: str, count: int) -> str:
    if count == 1:
        return "is not settled" if verdict == "not settled" else verdict
    plural = {"holds": "hold", "holds in part": "hold in part", "does not hold": "do not hold"}
    return plural.get(verdict, f"are {verdict}")


def _ticked(text: str) -> Markup:
    """Escaped text in which `words between backticks` are set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _asset(name: str) -> str:
    return files("isogain.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    names = ("page.html", "table.html")
    loader = jinja2.DictLoader({name: _asset(name) for name in names})
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["table"] = environment.get_template("table.html").module.table  # type: ignore[attr-defined]
    return environment.get_template("page.html")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed (BSD-3-Clause) in one script, about .9 MB."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;"))


def _style() -> str:
    return theme.rules() + _asset("page.css")


def _policy(scripts: Sequence[str]) -> str:
    """A content security policy: only these very scripts run, and nothing may be fetched.

    Styles may be inline because Vega writes sizes and colours as style attributes; with every
    kind of fetch forbidden they cannot reach out either.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _payload(figures: Sequence[Figure]) -> dict[str, Any]:
    drawn = {
        figure.identifier: {
            "data": {kind: _columns(rows) for kind, rows in datasets(figure.prepared).items()},
            "specs": {width: specification(figure.prepared, width) for width in WIDTHS},
        }
        for figure in figures
    }
    return {"figures": drawn, "config": theme.configuration()}


def _columns(rows: Sequence[Record]) -> dict[str, Any]:
    """Rows as columns, names once each: a third of the size."""
    fields = dict.fromkeys(field for row in rows for field in row)
    return {field: _column([row.get(field) for row in rows]) for field in fields}


def _column(values: list[Any]) -> Any:
    if not any(isinstance(value, str) for value in values):
        return values
    names = list(dict.fromkeys(values))
    position = {name: index for index, name in enumerate(names)}
    return {"names": names, "codes": [position[value] for value in values]}


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in, nor break a line in it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII: U+2028 is escaped too
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
