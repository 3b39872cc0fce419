"""The page of a run, made from saved records."""
