"""Initializers as values, under every name they go by: Python, NumPy and SciPy only."""
