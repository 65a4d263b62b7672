"""Calls of every public function, with arguments as nobody should give them.

A `Subject` is one function and arguments that it takes; `spoiled` puts values of `ODD`, or values that are
good elsewhere, in place of some of them.
"""

from __future__ import annotations

import inspect
import itertools
import math
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

import isogain as ig
from isogain import theory
from isogain.errors import IsogainError


class Hostile:
    """Answers no question: not its text, its truth, its length, its number or its equality."""

    def _refuse(self, *arguments: Any) -> Any:
        raise RuntimeError("no")

    __repr__ = __str__ = __bool__ = __len__ = __iter__ = __index__ = __float__ = __eq__ = __hash__ = _refuse


ODD: tuple[Any, ...] = (
    None, math.nan, math.inf, -math.inf, -1, 0, 1, 2, 3, 2.5, -0.5, -0.0, 1e308, 5e-324, 10**30, -(10**30),
    10**400, 10**5000, 2**63, 2**127, True, False, 1 + 2j, Fraction(1, 3), Decimal(1), "", "a", "1", "nan", "relu", "he_normal",
    "out in", "(3 out) in", "\ud800", "out " * 500, f"({'9' * 5000} out) in", b"", b"bytes", [], [1], [1, "a"], [[1, 2], [3]], (), (1,), (2, 3),
    (4, 4, 3), (10**30,), (2**20, 2**20), (1,) * 70, {}, {"a": 1}, {"initializer": "Normal"}, set(), {1, 2}, slice(None), slice("a"),
    (slice(0, 1),), Ellipsis, range(3), range(10**15), itertools.count(), object(), Hostile(), len, int, (lambda x: x), (lambda: 1), Exception("x"),
    np.float64(math.nan), np.float32(2), np.int64(3), np.bool_(True), np.array(3), np.array([1, 2]),
    np.array(["a"]), np.zeros((2, 3)), np.zeros(0), np.full((2, 2), math.nan), np.array([None, object()]),
    np.dtype("float32"), np.datetime64("NaT"), ig.Normal(), ig.Layout.parse("out in"),
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A public function and arguments it takes; `cost` is how many quick calls one call is worth."""

    name: str
    call: Callable[..., Any]
    good: Mapping[str, Any]
    cost: int = 1


@dataclass(frozen=True)
class Spoiled:
    """One call to be made."""

    subject: Subject
    arguments: Mapping[str, Any]

    def make(self) -> Any:
        """The call."""
        return self.subject.call(**self.arguments)

    def __repr__(self) -> str:
        return f"{self.subject.name}({', '.join(f'{k}={_text(v)}' for k, v in self.arguments.items())})"


def _text(value: Any) -> str:
    try:
        return repr(value)[:80]
    except Exception:
        return object.__repr__(value)


def judge(call: Spoiled) -> None:
    """The one question: another exception than ours fails the test by itself."""
    refused = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call.make()
        except IsogainError as error:
            refused = str(error)
    assert refused is None or 0 < len(refused) < 2000, call


def spoiled(subject: Subject, choose: random.Random) -> Spoiled:
    """The subject with one to three of its arguments spoiled."""
    names = list(subject.good)
    count = min(len(names), choose.choice((1, 1, 1, 2, 3)))
    bad = {name: choose.choice(ODD) for name in choose.sample(names, count)}
    return Spoiled(subject, {**subject.good, **bad})


def _method(make: Callable[[], Any], name: str) -> Callable[..., Any]:
    return lambda *positional, **named: getattr(make(), name)(*positional, **named)


def _positional(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, **named: call(value, **named)


def _made_and_drawn(make: Callable[..., Any], **parameters: Any) -> None:
    """Numbers that a constructor takes may be too much for a law, which has to say so too."""
    value, refused = make(**parameters), None
    for shape, layout in (((8, 4), "out in"), ((4, 4, 3), None), ((8,), "out")):
        try:
            value.law(shape, layout=layout)
            ig.draw(value, shape, layout=layout)
        except ig.IsogainError as error:
            refused = error
    if refused is not None:
        raise refused


def _classes() -> list[Subject]:
    """The constructors of the initializers."""
    good = {"laws": (ig.Normal(), ig.Zeros()), "sizes": (1, 1), "parts": (0, 1)}
    found = []
    for kind in ig.Initializer.kinds.values():
        given = {one.name: good.get(one.name, one.default) for one in fields(kind)}
        found.append(Subject(kind.__name__, kind, given))
        found.append(Subject(f"{kind.__name__}.replace", kind(**given).replace, given))
        found.append(Subject(f"draw {kind.__name__}", partial(_made_and_drawn, kind), given))
    return found


def _rows() -> list[Subject]:
    """`get` with the parameters of every row, and a draw of it in a good shape read in odd ways."""
    found = []
    for row in ig.catalog():
        if row.function is not None:
            continue
        taken = inspect.signature(row.make).parameters.values()
        given = {one.name: one.default for one in taken if one.default is not one.empty} | dict(row.example)
        found.append(Subject("get", ig.get, {"which": row.name, **given}))
        found.append(
            Subject(f"draw get {row.name}", partial(_made_and_drawn, partial(ig.get, row.name)), given)
        )
        plain = {"init": ig.get(row.name, **row.example), "shape": (8, 4), **_USE}
        found.append(Subject(f"draw {row.name}", ig.draw, plain))
    return found


_USE: dict[str, Any] = {"layout": "out in", "groups": 1, "stride": 1, "transposed": False}
_DRAW: dict[str, Any] = {
    "seed": 0,
    "path": "w",
    "dtype": "float32",
    "region": None,
    "out": None,
    "threads": 1,
}


def _core() -> list[Subject]:
    law = ig.VarianceScaling()
    return [
        Subject("get", ig.get, {"which": "he_normal"}),
        Subject("fans", ig.fans, {"shape": (8, 4, 3, 3), **_USE, "layout": "out in *"}),
        Subject("Fans.get", ig.fans((8, 4)).get, {"mode": "fan_in"}),
        Subject("Fans", ig.Fans, {"fan_in": 3, "fan_out": 2, "receptive_size": 1}),
        Subject("Layout.parse", ig.Layout.parse, {"text": "out in *"}),
        Subject("Layout.resolve", ig.Layout.parse("out in *").resolve, {"shape": (3, 4, 5)}),
        Subject("law", law.law, {"shape": (8, 4), **_USE, "is_complex": False}),
        Subject("from_json", ig.Initializer.from_json, {"text": law.to_json()}),
        Subject("from_dict", ig.Initializer.from_dict, {"data": law.to_dict()}),
        Subject("from_dict", lambda **d: ig.Initializer.from_dict(d), ig.Normal().to_dict()),
        Subject("from_dict", lambda **d: ig.Initializer.from_dict(d), {"isogain": 1, **ig.Packed((law,), (1,), (0,)).to_dict()}),
        Subject("default", _positional(ig.default), {"value": "torch.nn.Linear", "in_features": 4}),
        Subject("default.bias", lambda **sizes: ig.default("torch.nn.Conv2d", **sizes).bias, {"in_channels": 4, "kernel_size": 3, "groups": 1}),
        Subject("translate", ig.translate, {"name": "torch.normal_", "to": "keras", "layout": "out in", "shape": (8, 4), "transposed": False, "std": 0.5}, 20),
        Subject("identify", ig.identify, {"source": np.linspace(-1.0, 1.0, 400).reshape(20, 20), "fan_rule": "torch"}, 20),
        Subject("atlas[]", _positional(lambda value: ig.atlas().named(value)), {"value": "zuko/MAF"}),
        Subject("atlas.search", _positional(lambda value: ig.atlas().search(value)), {"value": "zuko"}),
        Subject("catalog[]", _positional(lambda value: ig.catalog()[value]), {"value": "he_normal"}),
        Subject("draw", ig.draw, {"init": "he_normal", "shape": (8, 4), **_USE, **_DRAW}),
        Subject("draw", ig.draw, {"init": "orthogonal", "shape": (8, 4), **_USE, **_DRAW}),
        Subject("draw_network", ig.draw_network, {"sizes": [4, 3, 2], "init": "he_normal", "biases": None, "seed": 0,
                                                  "layout": "out in", "dtype": "float32", "threads": 1}),
        Subject("Row", ig.Row, {"name": "a", "make": ig.Normal, "formula": "", "source": "", "group": "scheme", "aliases": (),
                                "requires": (), "example": {}, "function": None, "uncertain": "", "version": "", "layout": ""}),
        Subject("Catalog", ig.Catalog, {"rows": ig.catalog().rows}),
        Subject("olora", ig.olora, {"weight": np.eye(4), "rank": 2, "scaling": 1.0}),
        Subject("pissa", ig.pissa, {"weight": np.eye(4), "rank": 2, "scaling": 1.0}),
    ]  # fmt: skip


def _theory() -> list[Subject]:
    tanh, diagram = ig.activation("tanh"), ig.phase_diagram("relu", points=4)
    leaky = {"which": "leaky_relu", "negative_slope": 0.1}
    return [
        Subject("activation", ig.activation, leaky, 20),
        Subject("activation", ig.activation, {"which": "hard_tanh", "min_val": -1.0, "max_val": 1.0}),
        Subject("Activation", ig.Activation, {"name": "tanh", "parameters": (), "source": None, "function": np.tanh,
                "slope": np.cos, "kinks": (), "jumps": False}),
        Subject("cross_moment", theory.cross_moment, {"activation": "erf", "variance": 1.0, "correlation": 0.5, "mean": 0.0}, 20),
        Subject("deep_start", theory.deep_start, {"which": "relu", "depth": 20, "width": 8}, 20),
        Subject("mirrored", theory.mirrored, {"which": "relu", "variance": 1.0}, 20),
        Subject("activation()", _positional(tanh), {"value": 1.0}),
        Subject("derivative", _positional(tanh.derivative), {"value": 1.0}),
        Subject("gain", tanh.gain, {"variance": 1.0}),
        Subject("moments", tanh.moments, {"variance": 1.0, "mean": 0.0}),
        Subject("critical_point", ig.critical_point, {"which": "relu", "variance": 1.0}, 20),
        Subject("phase", diagram.phase, {"weight_std": 1.0, "bias_std": 0.0}),
        Subject("phase_diagram", ig.phase_diagram, {"activation": "relu", "weight_std": (0.5, 2.0),
                "bias_std": (0.0, 1.0), "points": 4, "input_variance": 1.0}, 50),
        Subject("predict", ig.predict, {"activation": "relu", "weight_variance": 2.0, "bias_variance": 0.0, "depth": 2,
                "width": 8, "weights": "gaussian", "input_variance": 1.0, "input_correlation": 0.0, "input_width": None,
                "pairs": False, "normalization": None, "residual": None, "dropout": 0.0, "kernel": None, "size": None,
                "padding": "zeros"}, 20),
        Subject("predict", ig.predict, {"activation": "relu", "weight_variance": 2.0, "depth": 2, "width": 8,
                "normalization": "layer", "residual": True, "dropout": 0.1, "kernel": 3, "size": 4, "padding": "zeros"}, 20),
        Subject("advise", ig.advise, {"activation": "relu", "depth": 5, "width": 8, "normalization": None,
                "residual": False, "optimizer": "sgd", "convolutional": False, "classes": None, "weight_clip": None}, 20),
    ]  # fmt: skip


def subjects() -> list[Subject]:
    """Every public function that needs no framework."""
    return [*_core(), *_classes(), *_rows(), *_theory()]
