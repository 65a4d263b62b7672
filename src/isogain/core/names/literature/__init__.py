"""Schemes of the literature for one kind of network each, one module by what they are for."""

from isogain.core.names.literature import adapters, deep, residual, sequence, transformers, widths

__all__ = ["adapters", "deep", "residual", "sequence", "transformers", "widths"]
