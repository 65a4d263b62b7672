"""Which law values come from: tensors, read by parts, judged by statistics alone."""

from isogain.identification.public import identified, identify
from isogain.identification.result import Fit, Identification, Identified

__all__ = ["Fit", "Identification", "Identified", "identified", "identify"]
