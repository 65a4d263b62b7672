"""The atlas: what other libraries' models start with, where it is written, what inspect finds.

`models.jsonl` is written by `benchmarks/atlas.py`, one line for each model and version of its library.
"""

from isogain.libraries.changes import Change, changes
from isogain.libraries.table import Atlas, Kind, ModelStart, atlas

__all__ = ["Atlas", "Change", "Kind", "ModelStart", "atlas", "changes"]
