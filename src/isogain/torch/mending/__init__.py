"""Fixes carried out on copies, so that an inspection gives none that was not seen to mend."""
