"""A model's own start as data: what its library wrote, recorded, read as laws, and drawn anywhere."""
