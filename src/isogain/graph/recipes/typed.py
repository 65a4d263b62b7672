"""Names of recipes, for editors to complete.  Made from the table: python .ci/literals.py"""

from __future__ import annotations

from typing import Literal

__all__ = ["RecipeName"]

RecipeName = Literal[
    "default", "fixup", "skipinit", "rezero", "layerscale", "zero-gamma", "gpt2", "megatron", "bert", "t5",
    "olmo", "neox", "deepseek", "vit", "t-fixup", "deepnorm", "mup", "completep", "spectral",
]  # fmt: skip
