"""The stages in order, each skipped where it is up to date."""
