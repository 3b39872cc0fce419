"""Outcome, exact answer and the 15 positions of an answer."""
