"""What truthmap does on one GPU, measured in minutes and without a network: `make gpu`, `python -m benchmarks.gpu`."""
