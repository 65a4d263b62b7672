"""One file an experiment: its description, and the analysis that answers its question from the runs."""
