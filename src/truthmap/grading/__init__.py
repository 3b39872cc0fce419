"""Outcome, exact answer and positions of an answer."""
