"""Settings, the stages in order, resume."""
