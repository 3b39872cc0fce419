"""Which kind of error an answer is, and whether the states tell."""
