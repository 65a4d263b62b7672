"""Which law values come from: tensors of a file, a mapping or a model, read by parts, judged by statistics alone."""

from isogain.identification.public import identify, identified
from isogain.identification.result import Fit, Identification, Identified

__all__ = ["Fit", "Identification", "Identified", "identified", "identify"]
