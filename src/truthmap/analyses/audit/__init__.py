"""Whether grades and exact answers can be trusted: a sample to check by hand, and what it says."""
