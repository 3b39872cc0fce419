"""A loaded model: its prompt format, its blocks, its hooks."""
