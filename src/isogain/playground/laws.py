"""The laws of weights that the playground offers: rows of the catalog, as they stand there."""

from __future__ import annotations

from typing import Any, Final

from isogain.core.names.catalog import catalog, get
from isogain.core.values.distributions import TruncatedNormalLaw, truncated_std
from isogain.drawing import polynomials
from isogain.drawing.dtypes import Dtype
from isogain.drawing.recipe import recipe_for

__all__ = ["GROUPS", "rows", "tables"]

GROUPS: Final = {
    "books": (
        *("small_normal", "normal", "lecun_normal", "he_normal", "glorot_normal", "inverse_sum_normal"),
        *("uniform", "large_normal", "nonzero_mean_normal", "nonzero_mean_uniform", "zeros", "ones"),
    ),
    "catalog": (
        *("glorot_uniform", "lecun_uniform", "he_uniform", "glorot_truncated_normal"),
        *("lecun_truncated_normal", "he_truncated_normal", "truncated_normal", "small_uniform"),
        *("nonzero_mean_truncated_normal", "torch.default_weight", "caffe.xavier", "mxnet.Xavier"),
        *("tf.glorot_uniform_initializer", "tf.contrib.layers.variance_scaling_initializer"),
        *("gpt2", "bert", "orthogonal", "identity"),
    ),
}
"""The strategies of the textbooks first, under the heading that the page gives them."""


def rows() -> list[dict[str, Any]]:
    """Each law's name, group, formula, source, and its initializer as the catalog has it."""
    return [_row(group, name) for group, names in GROUPS.items() for name in names]


def _row(group: str, name: str) -> dict[str, Any]:
    row = catalog()[name]
    said = {"name": name, "group": group, "formula": row.formula, "source": row.source}
    return said | {"initializer": get(name).to_dict()}


def tables() -> dict[str, Any]:
    """The constants by which words become float32 numbers, for the page's own arithmetic."""
    wanted = ("QUANTILE32", "LOG32", "DEEP32", "MINUS_2_LN2_32")
    recipe = recipe_for(TruncatedNormalLaw(0.0, 1.0, -2.0, 2.0), Dtype.of("float32"))
    found: dict[str, Any] = {name: polynomials.TABLES[name] for name in wanted}
    return found | {"two_sigma": (recipe.shape0, recipe.shape1), "truncated_std": truncated_std(-2.0, 2.0)}
