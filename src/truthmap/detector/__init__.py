"""One or a few cells, refitted, calibrated and sealed for use."""
