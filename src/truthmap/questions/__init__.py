"""What is asked: built-in sets, the paper's sets, user files, splits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
