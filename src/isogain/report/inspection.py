"""The page of an inspection: findings first, then signals and gradients on one log axis, then every layer.

It is plain HTML with one drawn picture and a few lines of script; nothing is fetched when it opens.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from isogain._version import __version__
from isogain.inspect import Finding, Report
from isogain.inspect.findings import pointed
from isogain.inspect.text import SIGNS
from isogain.report import theme
from isogain.report.apart_picture import apart_picture
from isogain.report.files import write_atomically
from isogain.report.inspection_layers import layers_section
from isogain.report.inspection_measures import formats_section, glance_section, parameters_section
from isogain.report.network_layout import MISSING, available
from isogain.report.network_picture import drawing, legend
from isogain.report.notebook import framed
from isogain.report.scales_picture import picture
from isogain.report.words import say, tag

__all__ = ["fragment", "render_inspection", "write_inspection"]

APART = (
    "1 − cosine between different samples (solid, discs) and between positions of one sample (dashed, "
    "diamonds) along the trunk: where it falls towards 0, different inputs become one."
)
FOOTER = "This page holds everything it shows and fetches nothing."
SCALES = (
    "Root mean square of what each layer hands on (solid, discs) and of the gradient of the loss with "
    "respect to it (dashed, diamonds), in order of execution, on one log axis. Lines follow the trunk, "
    "small marks are its branches; the shaded band is where theory expects signals on the trunk, from the "
    "scale they start with, for these activations and widths. Dotted lines are the limits of number formats."
)
WORDS = {"critical": "Critical", "warning": "Warning", "info": "Note", "healthy": "Healthy"}


def write_inspection(report: Report, path: str | Path) -> Path:
    """Writes the page of a Report; returns its absolute path.  Raises ReportError if it cannot be written."""
    return write_atomically(path, render_inspection(report))


def render_inspection(report: Report) -> str:
    """The whole page as HTML; every name is escaped and a policy forbids anything to be fetched."""
    script = _asset("common.js") + _asset("inspection.js")
    title = say(f"Inspection of {report.table.settings.get('model', 'a model')}")
    return "".join([
        f'<!doctype html>\n<html lang="{tag()}" data-scrolls="{say("scroll sideways for more")}">\n',
        '<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n',
        f'<meta name="generator" content="isogain {__version__}">\n<title>{escape(title)}</title>\n',
        f"<style>{_style()}</style>\n</head>\n<body>\n", _spoken(_asset("inspection.html")),
        '<div class="frame" id="top"><main id="main" tabindex="-1">\n',
        _lead(report, title), _findings(report.findings), glance_section(report), _scales(report),
        _network(report),
        layers_section(report), formats_section(report), parameters_section(report), _coverage(report),
        _repeat(report), f"<footer>{say(f'Made by isogain {__version__}. {FOOTER}')}</footer>\n",
        f"</main></div>\n<script>{script}</script>\n</body>\n</html>\n",
    ])  # fmt: skip


def fragment(report: Report) -> str:
    """The report for a notebook: verdict, findings, both pictures; its text for the layers."""
    rows = "".join(
        f"<tr><td>{SIGNS[f.severity]} {say(WORDS[f.severity])}</td><td><strong>{escape(f.code)}</strong><br>"
        f"<code>{escape(f.path)}</code></td><td>{escape(say(f.why))}<br><code>{escape(f.fix)}</code></td></tr>"
        for f in report.findings
    )
    table = f'<div class="scroll"><table>{rows}</table></div>' if rows else ""
    network = drawing(report) if available() else escape(MISSING)
    verdict = f"<strong>{SIGNS[report.verdict]} {say(WORDS[report.verdict])}</strong>"
    layers = f"<pre>{escape(report.table(full=True))}</pre>"
    return framed(
        f"<p>{verdict} {escape(say(report.cause))}</p>{table}{picture(report)}{_folded('Network', network)}"
        f"{_folded('Layers', layers)}"
    )


def _folded(name: str, body: str) -> str:
    return f'<details><summary>{say(name)}</summary><div class="scroll">{body}</div></details>'


def _asset(name: str) -> str:
    return files("isogain.report").joinpath(name).read_text(encoding="utf-8")


def _spoken(page: str) -> str:
    """The words in braces, in the language spoken."""
    return re.sub(r"\{([^{}]+)\}", lambda found: escape(say(found[1])), page)


def _style() -> str:
    return theme.rules() + _asset("page.css") + _asset("inspection.css")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _badge(word: str) -> str:
    sign = f'<span aria-hidden="true">{SIGNS[word]}</span>'
    return f'<span class="severity {word}">{sign} {say(WORDS[word])}</span>'


def _lead(report: Report, title: str) -> str:
    return (
        f'<div class="lead"><h1>{escape(title)}</h1><p class="verdict-line" '
        f'id="verdict">{_badge(report.verdict)}</p>'
        f'<p class="summary">{escape(_sentence(say(report.cause)))}</p></div>\n'
    )


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name of the model's."""
    first = text.partition(" ")[0]
    start = text[:1].upper() if first.isalpha() else text[:1]
    return start + text[1:] + ("" if text.endswith(".") else say("."))


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return (
            f'<section id="findings"><h2>{say("Findings")}</h2><p class="none">{say("None.")}</p></section>\n'
        )
    items = "".join(_finding(finding, findings) for finding in findings)
    return f'<section id="findings"><h2>{say("Findings")}</h2><ol class="findings">{items}</ol></section>\n'


def _finding(finding: Finding, findings: Sequence[Finding]) -> str:
    why, line = pointed(finding, findings)
    fix = ""
    if finding.fix and line != finding.fix:
        fix = f'<p class="fix">{escape(_sentence(say(line)))}</p>'
    elif finding.fix:
        fix = (
            f'<div class="fix"><span class="label">{say("Fix")}</span><p '
            f'class="command"><code>{escape(finding.fix)}</code>'
            '<button type="button" class="copy" hidden>' + say("Copy") + "</button></p></div>"
        )
    if finding.remark:
        fix += f'<p class="fix">{escape(_sentence(say(finding.remark)))}</p>'
    words = escape(f"{finding.code} {finding.path} {finding.severity}".lower())
    places = ""
    if len(finding.paths) > 1:
        listed = "".join(f"<li><code>{escape(path)}</code></li>" for path in finding.paths)
        places = (
            f"<details><summary>{say(f'{len(finding.paths)} places')}</summary><ul>{listed}</ul></details>"
        )
    return (
        f'<li class="finding" data-words="{words}">'
        f"<h3>{_badge(finding.severity)} {escape(finding.code)} <code>{escape(finding.path)}</code></h3>"
        f'<p class="why">{escape(_sentence(say(why)))}</p>'
        f"<dl><dt>{say('Measured')}</dt><dd>{escape(say(finding.measured))}</dd>"
        f"<dt>{say('Expected')}</dt><dd>{escape(say(finding.expected))}</dd>"
        f"</dl>{fix}{places}</li>"
    )


def _scales(report: Report) -> str:
    drawn = picture(report)
    if not drawn:
        return ""
    apart = apart_picture(report)
    second = ""
    if apart:
        second = f'<figure><div class="picture">{apart}</div><figcaption>{say(APART)}</figcaption></figure>'
    return (
        f'<section id="scales"><h2>{say("Signals and gradients")}</h2><figure><div class="picture">'
        f"{drawn}</div><figcaption>{say(SCALES)}</figcaption></figure>{second}</section>\n"
    )


def _network(report: Report) -> str:
    """The network drawn, in a box of its own that scrolls both ways."""
    if not available():
        missing = f'<p class="note">{escape(MISSING)}</p>'
        return f'<section id="network"><h2>{say("Network")}</h2>{missing}</section>\n'
    drawn = drawing(report)
    if not drawn:
        return ""
    words = say(
        "Broad arrows are the trunk; a dashed frame is a block that repeats. Hover over a box for numbers."
    )
    return (
        f'<section id="network"><h2>{say("Network")}</h2><figure><div class="scroll network" tabindex="0" '
        f'role="region" aria-label="{say("Network")}">{drawn}</div><figcaption>{legend()}<br>{words}'
        "</figcaption></figure></section>\n"
    )


def _coverage(report: Report) -> str:
    coverage = report.coverage
    items = [
        f"{coverage.share:.1%} of {coverage.parameters:,} parameters followed",
        f"{coverage.measured} of {coverage.operations} operations measured",
        *(f"not followed: {name}" for name in coverage.unfollowed),
        *(f"not measured: {name}" for name in coverage.unmeasured),
        *(f"not run: {reason}" for reason in coverage.skipped),
        *(f"accepted: {finding.key}" for finding in report.accepted),
    ]
    listed = "".join(f"<li>{escape(say(item))}</li>" for item in items)
    return f'<section id="coverage"><h2>{say("What was looked at")}</h2><ul>{listed}</ul></section>\n'


def _repeat(report: Report) -> str:
    pairs = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _facts(report))
    facts = f'<div class="repeat"><dl>{pairs}</dl></div>'
    return f'<section id="repeat"><h2>{say("To repeat it")}</h2>{facts}</section>\n'


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield from report.table.settings.items()
    yield "batch", str(report.table.batch)
    loss = report.table.loss_value
    yield (
        "loss",
        f"{report.table.loss_source} = {loss:.6g}"
        if math.isfinite(loss)
        else report.table.loss_source or "none",
    )
