"""One pass of a model recorded: every operation, and what the tensors between them are."""
