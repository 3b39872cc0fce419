"""What can be learned from finished runs: baselines, transfer, error types, selection."""
