"""What can be learned from finished runs: a folder per analysis, a line each in `registry`."""
