"""Maps of other labels of the same answers."""
