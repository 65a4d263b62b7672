"""How a model starts: planned, drawn, calibrated, compared."""
