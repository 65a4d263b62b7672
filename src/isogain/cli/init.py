"""`isogain init models.py:make --batch digits.npz --out start.safetensors`: a start as a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isogain._version import __version__
from isogain.cli.options import Batch, Exclude, Inputs, Kwargs, LossOf, Mode, Recipe, Target
from isogain.errors import InspectError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("init")(init)


def init(
    target: Target,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the weights go: .safetensors.")],
    inputs: Inputs = None,
    batch: Batch = None,
    kwargs: Kwargs = None,
    loss: LossOf = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Draw this plan, as `isogain plan --json` wrote it."),
    ] = None,
    exclude: Exclude = None,
    recipe: Recipe = "default",
    keep_healthy: Annotated[
        bool, typer.Option("--keep-healthy", help="Leave a start that is healthy as it is.")
    ] = False,
    receipt: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the receipt here.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For the draw, the inputs and the factory.")] = 0,
    mode: Mode = "keep",
) -> None:
    """Start a model as well as theory allows, and write its weights as safetensors.

    With a batch one pass calibrates; without, or from --plan, the plan is drawn as it is.

    Example:  isogain init models.py:make --batch digits.npz --loss cross_entropy --out start.safetensors
    """
    import isogain.torch as igt
    from isogain.cli.subject import subject
    from isogain.extras import require
    from isogain.report.files import write_atomically

    require("safetensors", "isogain init")
    if out.suffix != ".safetensors":
        raise InspectError(f"--out writes safetensors, as in start.safetensors; got {str(out)!r}")
    about = subject(target, inputs, batch, kwargs, loss, seed, mode)
    if plan is not None:
        done = igt.apply_(about.model, _read(igt, plan), seed)
    else:
        done = igt.init_(
            about.model, about.inputs, seed, loss=about.loss, exclude=exclude or [], recipe=recipe,
            keep_healthy=keep_healthy,
        )  # fmt: skip
    note = {"format": "pt", "isogain": __version__, "plan": done.plan_hash, "seed": str(seed)}
    written = write_atomically(out, _as_safetensors(about.model, note))
    if receipt is not None:
        write_atomically(receipt, done.to_json())
    typer.echo(f"{done}\nweights  {written}")


def _read(igt: Any, path: Path) -> Any:
    try:
        return igt.Plan.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InspectError(f"cannot read {path}: {error.strerror}") from error


def _as_safetensors(model: Any, note: dict[str, str]) -> bytes:
    """The state by name; of tied weights the first name alone, as the format asks."""
    from safetensors.torch import save

    first = {id(tensor): name for name, tensor in reversed(model.state_dict(keep_vars=True).items())}
    kept = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict(keep_vars=True).items()
        if first[id(tensor)] == name
    }
    return save(kept, metadata=note)
