"""truthmap: where inside a language model the correctness of its own answers can be read."""

from __future__ import annotations

__version__ = "0.1.0"
