"""Data with known truth, through truthmap's public functions: how often intervals, tests and guarantees are right."""
