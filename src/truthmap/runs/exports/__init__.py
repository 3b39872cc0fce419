"""What leaves a run for other tools: one file per format, one line each in `registry`."""
