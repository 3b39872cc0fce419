"""Hidden states at (layer, position)."""

from __future__ import annotations

from truthmap.capture.gather import PositionsOf, gather
from truthmap.capture.second_pass import CaptureSettings, capture_states

__all__ = ["CaptureSettings", "PositionsOf", "capture_states", "gather"]
