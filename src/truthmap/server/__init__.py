"""The server: OpenAI-style replies that carry how far to trust them; needs the extra `serve`."""
