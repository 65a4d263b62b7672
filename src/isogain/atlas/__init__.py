"""The atlas: what the layers and models of other libraries start with, where it is written, what inspect finds.

`models.jsonl` is written by `benchmarks/atlas.py`, one line for each model and version of its library.
"""

from isogain.atlas.changes import Change, changes
from isogain.atlas.table import Atlas, Kind, ModelStart, atlas

__all__ = ["Atlas", "Change", "Kind", "ModelStart", "atlas", "changes"]
