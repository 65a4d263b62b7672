"""A result below a notebook's cell: its answer, its pictures and its tables as one fragment of HTML.

Pictures are SVG, drawn beforehand: no script runs, and a saved notebook keeps them.  Colours follow the
notebook's own ink and ground where it says that it is dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from isogain.lab.outcome import Outcome
from isogain.report import theme
from isogain.report.view import Figure, Section, TableView, section_of
from isogain.report.words import say

__all__ = ["fragment", "framed"]

MOST_ROWS = 20
STYLE = (
    ".isogain{font:14px/1.5 system-ui,sans-serif;max-width:60rem;color:var(--ink)}"
    ".isogain table{border-collapse:collapse;font-size:13px}"
    ".isogain td,.isogain th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}"
    ".isogain .n{text-align:right;font-variant-numeric:tabular-nums}"
    ".isogain .scroll{overflow-x:auto}.isogain svg{max-width:100%;height:auto}"
    ".isogain .muted{color:var(--muted)}.isogain code{overflow-wrap:anywhere}"
)
DARK = ("[data-jp-theme-light=false]", ".vscode-dark", "[data-theme=dark]", ".theme-dark")
"""How notebooks say that they are dark: JupyterLab, VS Code, Colab and marimo, nbviewer."""


def framed(body: str) -> str:
    """HTML with the styles it needs, in the notebook's light or dark colours."""
    light, dark = theme.variables("light"), theme.variables("dark")
    darker = ",".join(f"{name} .isogain" for name in DARK)
    style = f"<style>.isogain{{{light}}}{darker}{{{dark}}}{STYLE}</style>"
    return f'<div class="isogain">{style}{theme.fallen_back(body)}</div>'


def fragment(outcome: Outcome) -> str:
    """Answer, pictures and tables of an Outcome for a notebook."""
    section = section_of(outcome)
    return framed("".join(_parts(section)))


def _parts(section: Section) -> Iterator[str]:
    yield f"<p><strong>{escape(section.title)}</strong></p>" if section.title else ""
    yield f"<p>{escape(section.answer)}</p>" if section.answer else ""
    yield from (_figure(figure) for figure in section.figures)
    yield from (table(view) for view in section.tables)
    yield from (f'<p class="muted">{escape(note)}</p>' for note in section.notes)


def _figure(figure: Figure) -> str:
    try:
        from isogain.report.pictures import static_svg
    except ImportError:
        words = say("A picture is drawn here where Altair and vl-convert are: pip install 'isogain[lab]'.")
        return f'<p class="muted">{escape(words)}</p>{table(figure.table)}'
    captions = " ".join(map(escape, figure.captions))
    return (
        f'<figure style="margin:0 0 1rem"><figcaption><strong>{escape(figure.title)}</strong></figcaption>'
        f'{static_svg(figure)}<figcaption class="muted">{captions}</figcaption></figure>'
    )


def table(view: TableView) -> str:
    """A table of at most twenty rows, and how many more there are."""
    heads = "".join(
        f"<th{_side(view, place)}>{escape(heading)}</th>" for place, heading in enumerate(view.headings)
    )
    rows = "".join(_row(view, place) for place in range(min(len(view.rows), MOST_ROWS)))
    hidden = len(view.rows) - MOST_ROWS
    more = f'<p class="muted">{say("and {} more rows: .to_frame() has them").format(hidden)}</p>'
    note = f'<p class="muted">{escape(view.note)}</p>' if view.note else ""
    title = f"<p><strong>{escape(view.title)}</strong></p>" if view.title else ""
    return (
        f'{title}<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f"</div>{more if hidden > 0 else ''}{note}"
    )


def _row(view: TableView, place: int) -> str:
    cells = (
        f'<td{_side(view, column)}>{escape(cell.text)} <span class="muted">{escape(cell.interval)}</span>'
        for column, cell in enumerate(view.rows[place])
    )
    return f"<tr>{''.join(cells)}</tr>"


def _side(view: TableView, column: int) -> str:
    return ' class="n"' if view.is_numeric(column) else ""
