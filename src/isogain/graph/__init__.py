"""What a model computes, in the order in which it computes it: nodes, the weights they use, their roles.

No framework is known here.  An adapter records a Graph; plans and inspections read it.
"""

from __future__ import annotations

from isogain.graph.nodes import MATRIX_PRODUCTS, Graph, Node, ParameterUse, WeightUse
from isogain.graph.paths import family
from isogain.graph.recurrences import carried, plain_steps
from isogain.graph.roles import assign_roles
from isogain.graph.trunk import trunks

__all__ = [
    "MATRIX_PRODUCTS",
    "Graph",
    "Node",
    "ParameterUse",
    "WeightUse",
    "assign_roles",
    "carried",
    "family",
    "plain_steps",
    "trunks",
]
