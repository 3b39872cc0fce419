"""Ending thoughts early: tokens saved against accuracy."""
