"""A model while it trains: what moves, how far, and whether it stays well."""
