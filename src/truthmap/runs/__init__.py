"""A run on disk: its folder, here or at a URL, and the records in it."""
