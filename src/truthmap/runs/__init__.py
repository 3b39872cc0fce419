"""A run on disk: its folder, here or at a URL, and the records in it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
