"""Recipes of whole architectures: the rows of the catalog, given to the parameters they were made for.

A recipe is a set of rules asked before the default ones (`isogain.graph.rules`), with options of its own,
notes on what the model itself has to do, and, where its source prescribes them, learning rates.
"""

from __future__ import annotations

from isogain.graph.recipes import branches, transformers, widths
from isogain.graph.recipes.options import check_options, notes_of, rates_of

__all__ = ["branches", "check_options", "notes_of", "rates_of", "transformers", "widths"]
