"""One call of a model: how it is made, what its operations are, and how everything is put back afterwards."""
