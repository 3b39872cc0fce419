"""The command line."""

from __future__ import annotations

from truthmap.cli.app import main

__all__ = ["main"]
