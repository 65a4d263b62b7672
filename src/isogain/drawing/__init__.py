"""(seed, path, global index) -> number: the same bits on any thread, shard and instruction set."""

from isogain.drawing.key import SCHEME_VERSION, Key
from isogain.drawing.public import draw, draw_law, draw_network

__all__ = ["SCHEME_VERSION", "Key", "draw", "draw_law", "draw_network"]
