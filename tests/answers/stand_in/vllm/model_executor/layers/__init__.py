"""Parts of blocks."""
