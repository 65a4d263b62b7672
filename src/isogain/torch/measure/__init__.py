"""Numbers read off tensors: sizes, spectra, units, losses; nothing here knows in which model they occur."""
