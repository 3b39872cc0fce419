"""Experiment trackers that a finished run is told to: one file per tracker."""
