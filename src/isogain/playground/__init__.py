"""The playground: turn a knob and see what initial weights do, on one page that needs no network.

`isogain.playground` is the function; the page's own numbers are those of `isogain.draw`, bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isogain.playground.shown import Playground

__all__ = ["playground"]


def playground(**knobs: Any) -> Playground:
    """Return the playground, its knobs where they are named: a notebook shows it, a file keeps it.

    Knobs: `activation`; `law`, a name of the catalog, and `gain`, which multiplies its weights; `depth`,
    `width`; `bias`, a standard deviation; `normalization` ("none", "batch", "layer", "rms"); `residual`
    ("none", "one", "depth"); `inputs` ("normal", "uniform", "digits"); `seed`.  For the race of two starts:
    `other` (a law), `task`, `rate`, `steps`.  `scene` (1 to 6) names a scene of the tour, `lang` is "en" or
    "zh".  The result has `to_html(path)` and `open()`.

    Raises PlaygroundError for a knob that does not exist or cannot stand there.

    >>> page = playground(activation="tanh", law="lecun_normal")
    >>> page
    playground(activation='tanh', law='lecun_normal'): .to_html("playground.html") writes it, .open() shows it

    Source: the figures of Saitō, Deep Learning from Scratch, section 6.2, made to be turned.
    """
    from isogain.playground.shown import Playground

    return Playground(knobs)
