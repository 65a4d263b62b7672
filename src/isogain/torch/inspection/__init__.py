"""A model at this moment: passes that are watched, then judged."""
