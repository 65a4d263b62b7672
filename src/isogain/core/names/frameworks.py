"""How each framework lays weights out and writes the call of an initializer; for `translate`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from isogain.checking import shown
from isogain.core.names.rows import Row
from isogain.errors import InitializerError

__all__ = ["FRAMEWORKS", "OURS", "Framework", "framework_of", "known_framework"]

OURS = "isogain"


@dataclass(frozen=True)
class Framework:
    """The layouts of a matrix, a kernel and a transposed kernel; `style` is how a call is written."""

    name: str
    matrix: str
    kernel: str
    transposed: str
    style: str = "object"
    rows: str = ""
    """The prefix of its rows, where they are another framework's."""
    always: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Arguments that each of its calls that takes them is given."""

    @property
    def prefix(self) -> str:
        """What the names of its rows begin with."""
        return self.rows or self.name

    def layout_of(self, roles: tuple[str, ...], transposed: bool) -> str | None:
        """Its layout of a weight with these roles; None where it says nothing of them."""
        if set(roles) == {"lookup", "out"}:
            return "lookup out"
        if sorted(roles) == ["in", "out"]:
            return self.matrix
        if set(roles) == {"in", "out", "*"} and roles.count("in") == roles.count("out") == 1:
            return self.transposed if transposed else self.kernel
        return None

    def call(self, row: Row, arguments: Mapping[str, Any]) -> str:
        """The call of a row as one writes it there; `w` is the weight."""
        told = ", ".join(f"{name}={_number(value)}" for name, value in arguments.items())
        return _STYLES[self.style](row, told, arguments)


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else repr(value)


def _in_place(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    return f"{row.source}(w{', ' if told else ''}{told})"


def _object(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    return f"{row.source}({told})"


def _made(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    return f"{row.source}(*shape{', ' if told else ''}{told})"


def _ours(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    return f'ig.get("{row.name}"{", " if told else ""}{told})'


def _ops(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    return f"{row.source}(ops, shape{', ' if told else ''}{told})"


def _filler(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    words = [f'type: "{row.name.partition(".")[2]}"']
    words += [
        f"{name}: {value if isinstance(value, str) else _number(value)}" for name, value in arguments.items()
    ]
    return f"weight_filler {{ {' '.join(words)} }}"


def _config(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    kind = row.name.partition(".")[2].removesuffix("Init")
    return f"dict(type={kind!r}, layer=...{', ' if told else ''}{told})"


def _function_of_function(row: Row, told: str, arguments: Mapping[str, Any]) -> str:
    """MLX: gain and mode are told to the function that an initializer returns."""
    later = {"glorot_normal", "glorot_uniform", "he_normal", "he_uniform"} & {row.name.partition(".")[2]}
    return f"{row.source}()(w{', ' if told else ''}{told})" if later else f"{row.source}({told})(w)"


_STYLES = {
    "object": _object, "in place": _in_place, "made": _made, "ours": _ours, "ops": _ops, "filler": _filler,
    "config": _config, "function": _function_of_function,
}  # fmt: skip
TORCH = ("out in", "out in *", "in out *")
KERAS = ("in out", "* in out", "* out in")
FRAMEWORKS: dict[str, Framework] = {
    one.name: one
    for one in (
        Framework(OURS, "in out", "* in out", "* in out", "ours"),
        Framework("torch", *TORCH, "in place"),
        Framework("keras", *KERAS),
        Framework("jax", "in out", "* in out", "* in out"),
        Framework("equinox", *TORCH, rows="jax", always={"in_axis": 1, "out_axis": 0}),
        Framework("haiku", *KERAS),
        Framework("sonnet", *KERAS),
        Framework("tf", *KERAS),
        Framework("paddle", "in out", "out in *", "in out *"),
        Framework("mindspore", *TORCH),
        Framework("mlx", "out in", "out * in", "out * in", "function"),
        Framework("mxnet", *TORCH),
        Framework("chainer", *TORCH),
        Framework("nnabla", "in out", "out in *", "in out *"),
        Framework("caffe", *TORCH, "filler"),
        Framework("timm", *TORCH, "in place"),
        Framework("pyg", *TORCH, "in place"),
        Framework("mmengine", *TORCH, "config"),
        Framework("tinygrad", *TORCH, "made"),
        Framework("thinc", "out in", "out in *", "in out *", "ops"),
    )
}
"""By name."""
ALIASES = {"flax": "jax", "pytorch": "torch", "tensorflow": "tf", "paddlepaddle": "paddle"}


def known_framework(name: object) -> Framework:
    """The framework of this name; InitializerError names those there are."""
    plain = name.lower() if isinstance(name, str) else ""
    found = FRAMEWORKS.get(ALIASES.get(plain, plain))
    if found is None:
        near = difflib.get_close_matches(plain, list(FRAMEWORKS), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InitializerError(f"to is one of {', '.join(FRAMEWORKS)}, got {shown(name)}{hint}")
    return found


def framework_of(row: Row) -> Framework:
    """Whose a row is."""
    prefix = row.name.partition(".")[0] if "." in row.name else OURS
    return FRAMEWORKS.get(ALIASES.get(prefix, prefix), FRAMEWORKS["torch"])  # the others stand on torch
