"""isogain: choose, draw and verify the initial weights of neural networks."""

from isogain._version import __version__

__all__ = ["__version__"]
