"""The probes of all cells at once, the grid, its scores and controls."""
