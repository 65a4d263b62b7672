"""Truncated normal variates in jnp: exact in the middle, in narrow intervals and far out in the tails."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import ndtri
from scipy import special

from isogain.core.values.distributions import TruncatedNormalLaw
from isogain.drawing.dtypes import Dtype
from isogain.drawing.recipe import Kind, Recipe, recipe_for

__all__ = ["open_uniform", "truncated_normal"]


def truncated_normal(key: Any, law: TruncatedNormalLaw, shape: tuple[int, ...], working: Any) -> Any:
    """Numbers of the law, of dtype float32 or float64, not yet held inside its bounds.

    Where the interval holds a good share of the normal law, by its inverse distribution function, each
    half from its own tail; elsewhere by the engine's own proposals and tests (Robert 1995), repeated
    until every element has one, so that neither end nor tail is ever made up.
    """
    recipe = recipe_for(law, Dtype.of(jnp.dtype(working).name))
    if recipe.kind in (Kind.TRUNCATED_BY_UNIFORM, Kind.TRUNCATED_BY_EXPONENTIAL):
        return _by_rejection(key, recipe, shape, working)
    return law.location + law.scale * _by_inverse(key, law.alpha, law.beta, shape, working)


def open_uniform(key: Any, shape: tuple[int, ...], working: Any) -> Any:
    """Odd multiples of half the generator's step in (0, 1): neither end, and 1 - u is exact too."""
    half_step = 2.0 ** -(24 if jnp.dtype(working) == jnp.float32 else 53)
    return jax.random.uniform(key, shape, working) + half_step


def _by_inverse(key: Any, alpha: float, beta: float, shape: tuple[int, ...], working: Any) -> Any:
    """Phi^-1 of a uniform number between Phi(alpha) and Phi(beta), read from the nearer tail."""
    u = open_uniform(key, shape, working)
    mass = float(special.ndtr(beta) - special.ndtr(alpha))
    below = float(special.ndtr(alpha)) + mass * u
    above = float(special.ndtr(-beta)) + mass * (1 - u)
    tail = ndtri(jnp.minimum(below, above))
    return jnp.where(below < above, tail, -tail)


def _by_rejection(key: Any, recipe: Recipe, shape: tuple[int, ...], working: Any) -> Any:
    def unfinished(state: Any) -> Any:
        return ~jnp.all(state[2])

    def again(state: Any) -> Any:
        key, values, done = state
        key, first, second = jax.random.split(key, 3)
        proposed, kept = _proposal(first, second, recipe, shape, working)
        return key, jnp.where(done, values, proposed), done | kept

    start = (key, jnp.zeros(shape, working), jnp.zeros(shape, bool))
    return lax.while_loop(unfinished, again, start)[1]


def _proposal(
    first: Any, second: Any, recipe: Recipe, shape: tuple[int, ...], working: Any
) -> tuple[Any, Any]:
    """One candidate for every element and its test; `recipe` has the formulas."""
    limit = -2 * jnp.log(open_uniform(second, shape, working))
    if recipe.kind is Kind.TRUNCATED_BY_UNIFORM:
        variate = 2 * open_uniform(first, shape, working) - 1
        distance = recipe.shape0 + recipe.shape1 * variate
        return recipe.offset + recipe.factor * variate, distance * (distance + recipe.shape2) <= limit
    variate = -2 * jnp.log(open_uniform(first, shape, working))
    value = recipe.offset + recipe.factor * variate
    low = -math.inf if recipe.accept_low == -recipe.dtype.largest else recipe.accept_low
    inside = (value >= low) & (value <= recipe.accept_high)
    return value, (variate * variate * recipe.shape0 <= limit) & inside
