"""A trained comparison of starts: one's own model on one's own data, from jobs to an honest answer."""
