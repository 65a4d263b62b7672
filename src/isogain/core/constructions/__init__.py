"""Laws that build a whole weight at once: orthogonal, structured, packed, gates, state spaces."""
