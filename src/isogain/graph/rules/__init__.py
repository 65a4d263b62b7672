"""What every kind of parameter starts from: one small rule per role, tried in order.

A recipe is a named set of rules that are asked before the default ones.
"""

from __future__ import annotations

from isogain.graph.rules import (
    adapters,
    attention,
    deliberate,
    dense,
    embeddings,
    fixed,
    plain,
    recurrent,
    residual,
    siren,
)
from isogain.graph.rules.registry import DEFAULT, Decision, Rule, decide, recipes, rule, rules_of

__all__ = [
    "DEFAULT", "Decision", "Rule", "adapters", "attention", "decide", "deliberate", "dense", "embeddings",
    "fixed", "plain", "recipes", "recurrent", "residual", "rule", "rules_of", "siren",
]  # fmt: skip
