"""Scores beside the samples of the log that the answers came from, or as a table: one file per format."""
