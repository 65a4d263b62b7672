"""Draws written into tensors, modules, models on the meta device and shards."""
