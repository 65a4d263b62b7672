"""Scans, loops and branches, followed as they went: a layer inside them is a layer like any other.

How often a `while` runs and which branch a `cond` takes depends on values.  One pass runs on concrete
values and writes the decisions down; the passes that are traced read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core as jex

from isogain.jax.known import Known

__all__ = ["FOLLOWED", "LONGEST", "Decisions", "decides", "follow", "joined", "parts", "stopped"]

Value = tuple[Any, Known]
Run = Callable[[Any, Sequence[Value]], list[Value]]
LONGEST = 256
"""Rounds of a scan or a loop that are followed one by one."""
DECIDING = ("while", "cond")


class Decisions:
    """How often each loop ran and which branch was taken, in the order they were met.

    Without `taken` each is worked out from concrete values; with it, they are read one after another.
    """

    def __init__(self, taken: Sequence[int] | None = None) -> None:
        self.taken: list[int] = []
        self._given = None if taken is None else iter(tuple(taken))

    def next(self, work_out: Callable[[], Any]) -> int:
        """The decision that is due."""
        self.taken.append(int(work_out()) if self._given is None else next(self._given))
        return self.taken[-1]


def decides(jaxpr: Any) -> bool:
    """Whether any operation, also inside of others, is a loop or a branch that depends on values."""
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    return any(
        one.primitive.name in DECIDING or any(decides(part) for part in parts(one)) for one in inner.eqns
    )


def parts(equation: Any) -> list[Any]:
    """The jaxprs among an equation's parameters."""
    params = equation.params.values()
    found = [one for value in params for one in (value if isinstance(value, (tuple, list)) else (value,))]
    return [getattr(one, "jaxpr", one) for one in found if hasattr(getattr(one, "jaxpr", one), "eqns")]


def follow(run: Run, decisions: Decisions, equation: Any, operands: list[Value]) -> list[Value] | None:
    """The results of a scan, loop or branch, its body run by `run`; None where it is too long."""
    return FOLLOWED[equation.primitive.name](run, decisions, equation.params, operands)


def _scan(run: Run, decisions: Decisions, params: Any, operands: list[Value]) -> list[Value] | None:
    """Unrolled: each step's slice of a stacked parameter is the parameter without its first axis."""
    if params["length"] > LONGEST:
        return None
    first, second = params["num_consts"], params["num_consts"] + params["num_carry"]
    constants, carry, stacked = operands[:first], operands[first:second], operands[second:]
    steps = range(params["length"])
    rows: dict[int, list[Value]] = {}
    for step in reversed(steps) if params["reverse"] else steps:
        slices = [_slice(value, known, step) for value, known in stacked]
        results = run(params["jaxpr"], [*constants, *carry, *slices])
        carry, rows[step] = results[: params["num_carry"]], results[params["num_carry"] :]
    columns = zip(*(rows[step] for step in steps), strict=True)
    return [*carry, *(_stacked(column) for column in columns)]


def _slice(value: Any, known: Known, step: int) -> Value:
    axes = known.axes[1:] if known.axes is not None else None
    return lax.index_in_dim(value, step, keepdims=False), replace(known, axes=axes)


def _stacked(column: Sequence[Value]) -> Value:
    values, knowns = zip(*column, strict=True)
    merged = Known(
        tuple(dict.fromkeys(one for known in knowns for one in known.nodes)),
        any(known.content for known in knowns),
        any(known.learnt for known in knowns),
        tuple(dict.fromkeys(one for known in knowns for one in known.parameters)),
    )
    return jnp.stack(values), merged


def _while(run: Run, decisions: Decisions, params: Any, operands: list[Value]) -> list[Value] | None:
    """As many rounds as it took."""
    first, second = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    constants, carry = operands[first:second], operands[second:]
    count = decisions.next(lambda: _rounds(params, [value for value, _ in operands]))
    if count > LONGEST:
        return None
    for _ in range(count):
        carry = run(params["body_jaxpr"], [*constants, *carry])
    return carry


def _rounds(params: Any, values: list[Any]) -> Any:
    """How many rounds a loop takes from these values; LONGEST + 1 where it takes more."""
    first, second = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    test, body = jex.jaxpr_as_fun(params["cond_jaxpr"]), jex.jaxpr_as_fun(params["body_jaxpr"])

    def goes_on(state: Any) -> Any:
        count, carry = state
        return jnp.logical_and(count <= LONGEST, test(*values[:first], *carry)[0])

    def step(state: Any) -> Any:
        count, carry = state
        return count + 1, tuple(body(*values[first:second], *carry))

    return lax.while_loop(goes_on, step, (0, tuple(values[second:])))[0]


def _cond(run: Run, decisions: Decisions, params: Any, operands: list[Value]) -> list[Value]:
    """The branch taken."""
    (index, _), *rest = operands
    return run(params["branches"][decisions.next(lambda: index)], rest)


FOLLOWED: dict[str, Callable[[Run, Decisions, Any, list[Value]], list[Value] | None]] = {
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}


@jax.custom_vjp
def _joined(exact: Any, followed: Any) -> Any:
    return exact


_joined.defvjp(lambda exact, followed: (exact, None), lambda _, gradient: (gradient, gradient))


def joined(exact: Any, followed: Any) -> Any:
    """`exact`, whose gradient goes to both: to the call by its own rule, and to the nodes seen inside it."""
    return _joined(exact, followed) if jnp.issubdtype(exact.dtype, jnp.inexact) else exact


def stopped(operands: Sequence[Value]) -> list[Value]:
    """The same values, through which no gradient flows."""
    return [(lax.stop_gradient(value), known) for value, known in operands]
