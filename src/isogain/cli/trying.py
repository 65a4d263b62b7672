"""`isogain try pkg.module:build --data pkg.module:loader`: which start trains one's own model best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isogain.cli.options import AsJson, Html
from isogain.errors import TrialError

__all__ = ["register"]

RESULTS = Path("isogain-results")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("try")(try_)


def try_(
    target: Annotated[str, typer.Argument(help="pkg.module:build, a function that makes the model.")],
    data: Annotated[
        str, typer.Option("--data", help="pkg.module:loader, a DataLoader, arrays, or a function.")
    ],
    starts: Annotated[
        str, typer.Option("--starts", help="own, init_, names of the catalog, pkg.module:function.")
    ] = "own,init_,he_normal",
    loss: Annotated[
        str | None,
        typer.Option("--loss", help="Of torch.nn.functional, or pkg.module:function of (output, target)."),
    ] = None,
    optimizers: Annotated[str, typer.Option("--optimizers", help="sgd, momentum, adam, adamw.")] = "adam",
    rates: Annotated[str | None, typer.Option("--rates", help="Learning rates: 0.001,0.01,0.1.")] = None,
    steps: Annotated[int, typer.Option("--steps", help="Updates of each run.")] = 300,
    seeds: Annotated[int, typer.Option("--seeds", help="How many seeds.")] = 5,
    metric: Annotated[
        str, typer.Option("--metric", help="loss, accuracy, or pkg.module:function; more is better.")
    ] = "loss",
    budget: Annotated[
        str | None, typer.Option("--budget", help="10m, 90s, 2h, or a number of updates in all.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Where the data are arrays.")] = 64,
    confidence: Annotated[float, typer.Option("--confidence", help="Of all intervals together.")] = 0.95,
    backend: Annotated[str, typer.Option("--backend", help="loky, dask or ray.")] = "loky",
    address: Annotated[
        str | None, typer.Option("--address", help="Of the Dask scheduler or Ray head.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Jobs at a time; one a core.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="cpu or cuda: one job a GPU.")] = None,
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where runs are kept.")] = RESULTS,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Train a model of your own from several starts, on your data, and see which trains best.

    Status 0 where a start won, 1 where it is level or not settled, 2 usage or input error, 130 interrupted:
    what is finished is kept, and the same command goes on from there.

    Example:  isogain try mymodel:build --data mymodel:loader --loss cross_entropy --budget 10m
    """
    from isogain.cli.target import load
    from isogain.torch import trial

    if html is not None and html.is_dir():  # said before hours of training, not after
        raise TrialError(f"--html {html} is a folder: give the page's own name, such as {html / 'try.html'}")
    found = trial(
        load(target), load(data), _starts(starts), loss=_named(loss), optimizers=_listed(optimizers),
        rates=_rates(rates), steps=steps, seeds=seeds, metric=_named(metric), budget=_budget(budget),
        batch_size=batch_size, confidence=confidence, backend=backend, address=address, workers=workers,
        device=device, results=results, name=target.partition(":")[2],
    )  # fmt: skip
    if html is not None:
        typer.echo(f"page  {found.to_html(html)}", err=True)
    typer.echo(found.to_json(indent=2) if as_json else str(found))
    raise typer.Exit(0 if found.verdict == "won" else 1)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _named(text: str | None) -> Any:
    """A name as it is, or the object 'pkg.module:name' names."""
    from isogain.cli.target import load

    return load(text) if text is not None and ":" in text else text


def _starts(text: str) -> dict[str, Any]:
    return {part.rpartition(":")[2]: _named(part) for part in _listed(text)}


def _rates(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in _listed(text)]
    except ValueError as error:
        raise TrialError(f"--rates must be numbers such as 0.001,0.01, got {text!r}") from error


def _budget(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.strip().isdigit() else text
