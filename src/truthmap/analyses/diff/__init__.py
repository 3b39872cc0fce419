"""Two maps of one study, cell by cell."""
