"""Choosing among the sampled answers to a question."""
