"""Initializers as values, and the laws they become."""
