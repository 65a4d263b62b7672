"""`isogain demo` and `isogain lab ...`: the experiments."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from isogain.cli.opening import opened, page_asked
from isogain.cli.options import AsJson, Html, Lang, Open
from isogain.cli.printing import show

if TYPE_CHECKING:
    from isogain.lab.outcome import Outcome

__all__ = ["register"]

LIST_SCHEMA = "isogain.lab.list/1"


class Pictures(StrEnum):
    """Formats of picture files."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


class Tables(StrEnum):
    """Formats of exported tables."""

    csv = "csv"
    parquet = "parquet"


Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Where digits come from: a folder of MNIST's IDX files, 'mnist-5k' (ships with the lab), "
        "or 'download' for the whole of MNIST, checked and cached.",
    ),
]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where runs are kept.")]
PictureFolder = Annotated[
    str | None,
    typer.Option(
        "--pictures",
        metavar="DIR|FORMATS",
        help="Also write every chart as a file, and their captions: into this folder, or as pdf,svg,png "
        "into one beside the results.",
    ),
]
PictureFormat = Annotated[Pictures, typer.Option("--format", help="Format of --pictures.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Experiments; all when none is named.")
]
FIGURE = ("figure", "figures", "fig", "fig.")
RESULTS = Path("isogain-results")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("demo")(demo)
    lab = typer.Typer(help="List, run, report and export the experiments.", no_args_is_help=True)
    lab.command("list")(list_experiments)
    lab.command("run")(run)
    lab.command("report")(report)
    lab.command("export")(export)
    app.add_typer(lab, name="lab")


def demo(
    data: Data = None,
    results: Results = RESULTS,
    html: Html = None,
    lang: Lang = None,
    pictures: PictureFolder = None,
    format: PictureFormat = Pictures.png,
    open_it: Open = False,
    as_json: AsJson = False,
) -> None:
    """Run the classic experiments, with few seeds, and write one page that shows what they say.

    Example:  isogain demo --html start.html --pictures figures
    """
    from isogain import lab

    page = page_asked(html or results / "demo.html", open_it, "demo")
    started = time.perf_counter()
    outcomes = lab.demo(data=data, results=results)
    opened(_show(outcomes, page, _pictures(pictures, format, results), as_json), open_it)
    if not as_json:
        typer.echo(f"Time  {time.perf_counter() - started:.0f} s; `isogain lab run` has more seeds.")


def list_experiments(as_json: AsJson = False) -> None:
    """List the experiments: what each asks, how many runs it makes, how long it may take.

    Example:  isogain lab list
    """
    from dataclasses import asdict

    from isogain import lab

    rows = lab.experiments()
    if as_json:
        typer.echo(
            json.dumps({"schema": LIST_SCHEMA, "experiments": [asdict(row) for row in rows]}, indent=2)
        )
        return
    table = Table("name", "asks", "runs", "about", box=None, padding=(0, 2, 0, 0))
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(row.name, row.question, str(row.runs), _duration(row.estimated_s))
    show(table)


def run(
    names: Names = None,
    data: Data = None,
    results: Results = RESULTS,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="N|LIST", help="How many seeds, or which: 10, or 0,1,5.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The shortened versions.")] = False,
    widths: Annotated[str | None, typer.Option("--widths", help="Of the hidden layers: 64,256.")] = None,
    depths: Annotated[str | None, typer.Option("--depths", help="Layers of weights: 5,20,50.")] = None,
    activations: Annotated[str | None, typer.Option("--activations", help="relu,gelu.")] = None,
    starts: Annotated[
        str | None, typer.Option("--starts", help="Of the catalog, or standard deviations: he_normal,0.01.")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="threads, loky, dask or ray.")] = "threads",
    address: Annotated[
        str | None, typer.Option("--address", help="Of the Dask scheduler or Ray head.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes of loky.")] = None,
    html: Html = None,
    lang: Lang = None,
    pictures: PictureFolder = None,
    format: PictureFormat = Pictures.png,
    open_it: Open = False,
    as_json: AsJson = False,
) -> None:
    """Run experiments whole; finished runs are kept, interrupted ones go on where they stopped.

    An experiment has its name, or that of a figure of the book that it redraws: figure 6-14.  Some can be run
    along axes of your own, every combination of widths, depths, activations and starts.

    Example:  isogain lab run mnist-training --seeds 10 --data ~/mnist
    """
    from isogain import lab

    page = page_asked(html or results / "report.html", open_it, "report")
    outcomes = lab.run(
        _named(names), data=data, results=results, seeds=_seeds(seeds), quick=quick,
        widths=_numbers(widths, "--widths"), depths=_numbers(depths, "--depths"),
        activations=_words(activations), starts=_words(starts), backend=backend, address=address,
        workers=workers,
    )  # fmt: skip
    opened(_show(outcomes, page, _pictures(pictures, format, results), as_json), open_it)


def report(
    names: Names = None,
    results: Results = RESULTS,
    html: Html = None,
    lang: Lang = None,
    pictures: PictureFolder = None,
    format: PictureFormat = Pictures.png,
    open_it: Open = False,
    as_json: AsJson = False,
) -> None:
    """Show what the finished experiments of a results folder say, without running anything.

    Example:  isogain lab report --results isogain-results --html report.html
    """
    from isogain import lab

    page = page_asked(html or results / "report.html", open_it, "report")
    outcomes = lab.outcomes(results, _named(names))
    opened(_show(outcomes, page, _pictures(pictures, format, results), as_json), open_it)


def export(
    results: Results = RESULTS,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the tables go.")] = Path(
        "isogain-export"
    ),
    format: Annotated[Tables, typer.Option("--format", help="csv or parquet.")] = Tables.csv,
) -> None:
    """Write every run and every measured number as tables.

    Example:  isogain lab export --format parquet --to tables
    """
    from isogain import lab

    for path in lab.export(results, to, format.value):
        typer.echo(path)


def _named(names: list[str] | None) -> list[str] | None:
    """Names of experiments; "figure 6-14" in two words is one."""
    return [name for name in names or () if name.lower() not in FIGURE] or None


def _words(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _numbers(text: str | None, option: str) -> list[int]:
    try:
        return [int(part) for part in _words(text)]
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list such as 64,256", param_hint=option) from None


def _seeds(text: str | None) -> int | list[int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a number nor a list such as 0,1,5", param_hint="--seeds"
        ) from None
    return numbers if "," in text else numbers[0]


def _pictures(given: str | None, format: Pictures, results: Path) -> tuple[Path, list[str]] | None:
    """(folder, formats): of a folder in the format that --format says, or of formats in the usual folder."""
    words = _words(given)
    if not words:
        return None
    known = set(Pictures)
    return (results / "pictures", words) if set(words) <= known else (Path(str(given)), [format.value])


def _show(
    outcomes: Sequence[Outcome], page: Path | None, pictures: tuple[Path, list[str]] | None, as_json: bool
) -> Path:
    from isogain import report as reports

    assert page is not None
    written = reports.write_page(outcomes, page).resolve()
    if pictures is not None:
        _draw(outcomes, *pictures)
    if as_json:
        typer.echo(reports.to_json(outcomes))
        return written
    reports.print_summary(outcomes, page=written)
    if pictures is not None:
        typer.echo(f"Pictures  {pictures[0].resolve()}")
    return written


def _draw(outcomes: Sequence[Outcome], folder: Path, formats: Sequence[str]) -> None:
    from isogain import report as reports

    for format in formats:
        reports.write_pictures(outcomes, folder, format)  # type: ignore[arg-type]
    reports.write_captions(outcomes, folder)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
