"""Hidden states at (layer, position)."""
