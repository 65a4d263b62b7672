"""From the command's words to what makes a model: a name in a module or a file, or a Hugging Face config."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

from isogain.checking import nearest
from isogain.cli.blame import users
from isogain.errors import InspectError

__all__ = ["FORMS", "load", "made", "settings_of"]

_WORDS = {"True": True, "False": False, "None": None}
FORMS = "pkg.module:factory, file.py:factory, hf:GPT2Config, or a Hugging Face config.json"


def load(target: str) -> Any:
    """The object 'pkg.module:name' or 'file.py:name' names; the current folder is looked in too."""
    place, _, name = target.rpartition(":")
    if target.partition(":")[0] == "hf" or target.endswith(".json"):
        from isogain.cli.hugging import factory

        return factory(target)
    if not place or not name:
        raise InspectError(f"{target!r} names no model: it is one of {FORMS}{_way_out(target)}")
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            hint = nearest(part, [one for one in dir(found) if not one.startswith("_")])
            raise InspectError(f"{place} has no {name!r}{hint and '; ' + hint}")
        found = getattr(found, part)
    return found


def _way_out(target: str) -> str:
    """What was likely meant by words without a colon."""
    if target.endswith(".py"):
        return f"; say which of its functions makes the model: {target}:make"
    return "" if "." in target else "; a model of Hugging Face, by its config alone, is as hf:GPT2Config"


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    parents = {name.rsplit(".", k)[0] for k in range(name.count(".") + 1)}
    try:
        return users(lambda: importlib.import_module(name), f"importing {name}")
    except InspectError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name in parents:
            raise InspectError(f"there is no module {cause.name!r}, looked for from {here}") from None
        raise


def _file(path: Path) -> ModuleType:
    """A file as a module; its own folder is looked in for what it imports."""
    if not path.is_file():
        raise InspectError(f"there is no file {path}, looked for from {Path.cwd()}")
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InspectError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # as its classes say where they come from
    users(lambda: spec.loader.exec_module(module), f"importing {path}")  # type: ignore[union-attr]
    return module


def made(target: str, arguments: dict[str, Any], seed: int, mode: str, *, meta: bool = False) -> Any:
    """The model a factory makes from `seed`, on the meta device if asked, in the mode asked for."""
    import torch

    if mode not in ("train", "eval", "keep"):
        raise InspectError(f"--mode is train, eval or keep, got {mode!r}")
    factory = load(target)
    with torch.random.fork_rng(devices=[]), torch.device("meta") if meta else nullcontext():
        torch.manual_seed(seed)
        model = factory if isinstance(factory, torch.nn.Module) else _called(factory, target, arguments)
    if not isinstance(model, torch.nn.Module):
        raise InspectError(f"{target} gives {type(model).__name__}, and no torch.nn.Module")
    return model if mode == "keep" else model.train(mode == "train")


def _called(factory: Callable[..., Any], target: str, arguments: dict[str, Any]) -> Any:
    if not callable(factory):
        raise InspectError(
            f"{target} is {type(factory).__name__}, and neither a model nor a function that makes one"
        )
    listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return users(lambda: factory(**arguments), f"{target}({listed})")


def settings_of(texts: list[str] | None) -> dict[str, Any]:
    """--kwargs as a dictionary: a JSON object, or width=64,depth=3 with values that are JSON or else text."""
    found: dict[str, Any] = {}
    for text in texts or []:
        found |= _object(text) if text.lstrip().startswith(("{", "[")) else dict(map(_pair, text.split(",")))
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InspectError(f"--kwargs is not JSON: {error}; or write width=64,depth=3") from error
    if not isinstance(found, dict):
        raise InspectError(f"--kwargs must be a JSON object, got {text!r}")
    return found


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.strip().partition("=")
    if not equals or not name.isidentifier():
        raise InspectError(f"--kwargs takes width=64,depth=3 or a JSON object, got {text!r}")
    if value in _WORDS:
        return name, _WORDS[value]
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
