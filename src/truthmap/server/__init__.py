"""The detector over HTTP."""
