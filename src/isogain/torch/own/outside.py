"""Code outside of a model's own classes that may have written to it unseen.

What goes by `.data`, and some of torch's init functions, leave no count on the meta device, so a finished
model does not tell.  But whoever asks for its start holds it: the functions that are being run are on the
stack, with their names and what these stand for, and so are the modules of Python that hold it or know its
classes.  Their statements that have to do with the model, and may write so, are told, each with what it may
have reached.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any

import torch
from torch import nn

from isogain.torch.own.constructors import (
    Code,
    code_of,
    definition_of,
    function_of,
    names_of,
    own_kind,
    resolved,
)
from isogain.torch.own.places import is_passed_over, shown_file
from isogain.torch.own.reach import Reach
from isogain.torch.own.scenes import Held, Scene

__all__ = ["Unseen", "exchanged_parts", "unseen_writes"]

Tensor = torch.Tensor
Tells = Callable[[ast.AST, Mapping[str, Any]], bool]
Judge = Callable[[Reach, ast.AST, Mapping[str, Any]], bool]
_IT = ast.Name("it", ast.Load())
_ASKS = ("isinstance", "issubclass", "super")


@dataclass(frozen=True)
class Unseen:
    """A place that may have written to some of a model's tensors."""

    said: str
    tensors: tuple[Tensor, ...]


def unseen_writes(model: nn.Module, builders: Collection[FunctionType] = ()) -> list[Unseen]:
    """What the code in view may have written without leaving a count.

    Who names `builders` has made the model; what these do themselves, they do each time.
    """
    return _told(model, Reach.hides, builders)


def exchanged_parts(model: nn.Module, builders: Collection[FunctionType] = ()) -> list[Unseen]:
    """What the code in view may have done to the modules that the model is made of; `builders` as above."""
    return _told(model, Reach.exchanges, builders)


def _told(model: nn.Module, judge: Judge, builders: Collection[FunctionType]) -> list[Unseen]:
    frames = [one for one in _frames() if not is_passed_over(one.f_code)]
    known_code = {one.f_code for one in frames} | Reach(model).run_by(builders)
    reach, held = Reach(model, known_code), Held(model)
    tells = partial(judge, reach)
    known = [*_modules_that_know(model, frames)]
    found = [one for scene in _scenes(frames, known, held) for one in _of_scene(scene, held, tells)]
    return found + [one for module in known for one in _of_builders(module, model, reach, tells, builders)]


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(3)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _modules_that_know(model: nn.Module, frames: Iterable[FrameType]) -> Iterator[ModuleType]:
    """Modules of Python that are being run, or of its packages and know the model's classes."""
    names = {"__main__", *(str(one.f_globals.get("__name__")) for one in frames)}
    kinds = _kinds(_outermost(model))
    roots, addresses = {one.__module__.partition(".")[0] for one in kinds}, {*map(id, kinds)}
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType):
            continue
        is_near = name.partition(".")[0] in roots and not addresses.isdisjoint(map(id, vars(module).values()))
        if name in names or is_near:
            yield module


def _scenes(frames: Iterable[FrameType], modules: Iterable[ModuleType], held: Held) -> Iterator[Scene]:
    """Functions being run, up to where they are; modules and cells that hold the model, whole."""
    for frame in frames:
        body, before = definition_of(frame.f_code) or ([], 0)
        names = {**frame.f_globals, **frame.f_locals}
        yield Scene(body, names, shown_file(frame.f_code.co_filename), before, frame.f_lineno)
    running = {frame.f_code.co_filename for frame in frames if frame.f_code.co_name == "<module>"}
    for module in modules:
        if any(map(held.has_part, list(vars(module).values()))):
            cells = vars(module).get("In")  # a notebook's, which have been run
            for cell in cells if isinstance(cells, list) else ():
                yield from _parsed(str(cell), vars(module), "a cell of this notebook")
            file = getattr(module, "__file__", None) or ""
            if file not in running:
                yield from _parsed(_source(module), vars(module), shown_file(file))


def _source(module: ModuleType) -> str:
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return ""


def _parsed(source: str, values: Mapping[str, Any], place: str) -> Iterator[Scene]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return
    yield Scene(body, values, place)


def _of_scene(scene: Scene, held: Held, tells: Tells) -> Iterator[Unseen]:
    for one in scene.touching(lambda one: held.is_named(one, scene.values)):
        if tells(one, scene.values):
            found = tuple(held.tensors_in(one, scene.values))
            yield Unseen(f"{scene.place}:{one.lineno + scene.before}", found)


def _of_builders(
    module: ModuleType, model: nn.Module, reach: Reach, tells: Tells, builders: Collection[FunctionType]
) -> Iterator[Unseen]:
    """Functions that make the outermost of the model's own modules, constructors of others too."""
    makers: set[Any] = {*_kinds(_outermost(model)), *builders}
    named = {one.__name__ for one in makers}
    for function in _functions_of(module, reach):
        is_running = function.__code__ in reach.passed_over
        if not is_running and not named.isdisjoint(names_of(function.__code__)):
            code = code_of(function)
            yield from (
                _of_builder(function.__qualname__, code, model, makers, tells) if code is not None else ()
            )


def _of_builder(
    name: str, code: Code, model: nn.Module, makers: Collection[Any], tells: Tells
) -> Iterator[Unseen]:
    made = {one for each in code.body for one in _made(each, code, makers)}
    is_any = any(not isinstance(one, type) for one in made)
    tops = (top for top in _outermost(model) if is_any or own_kind(top) in made)
    tensors = tuple(each for top in tops for each in _all(top))
    scene = Scene(code.body, code.names, shown_file(code.place), code.first_line - 1)
    for one in scene.touching(lambda one: any(_made(one, code, makers))):
        if tells(one, code.names):
            yield Unseen(f"{name} ({scene.place}:{one.lineno + scene.before})", tensors)


def _kinds(modules: Iterable[nn.Module]) -> set[type]:
    """Their classes as they were written."""
    return {kind for one in modules if (kind := own_kind(one)) is not None}


def _outermost(module: nn.Module) -> Iterator[nn.Module]:
    """What no module of the model's own classes is around: its constructors cannot have written to those."""
    if own_kind(module) is not None:
        yield module
        return
    for child in module.children():
        yield from _outermost(child)


def _all(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _functions_of(module: ModuleType, reach: Reach) -> Iterator[FunctionType]:
    """Those that are written in it, in classes too, but for the model's own."""
    for one in list(vars(module).values()):
        is_own = getattr(one, "__module__", None) == module.__name__
        inner = vars(one).values() if isinstance(one, type) and is_own and one not in reach.kinds else (one,)
        for found in map(function_of, inner):
            if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                yield found


def _made(node: ast.AST, code: Code, makers: Collection[Any]) -> Iterator[Any]:
    """The classes and functions among these that a function calls, or hands on."""
    found = (resolved(one, code.names) for one in _loads(node))
    yield from (one for one in found if isinstance(one, type | FunctionType) and one in makers)


def _loads(node: ast.AST) -> Iterator[ast.AST]:
    """Names that are used, and not only asked about."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ASKS:
        return
    if isinstance(node, ast.Name | ast.Attribute):
        yield node
    for one in ast.iter_child_nodes(node):
        yield from _loads(one)
