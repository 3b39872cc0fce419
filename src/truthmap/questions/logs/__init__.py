"""Logs of evaluation tools as questions: one file per tool, a line each in `registry`."""
