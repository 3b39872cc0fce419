"""The logistic solver for all cells at once, the grid, its scores and controls."""
