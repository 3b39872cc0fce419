"""The settings of a run, as data, and the keys of its stages."""
