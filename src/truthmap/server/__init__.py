"""The server: OpenAI-style replies that carry how far to trust them; needs the extra `serve`."""

from __future__ import annotations

from truthmap.server.app import create_app
from truthmap.server.settings import ServeSettings

__all__ = ["ServeSettings", "create_app"]
