"""Controls of a finished run: what the probe's AUC is still worth when something else could explain it."""
