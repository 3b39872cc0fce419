"""truthmap: where inside a language model the correctness of its own answers can be read.

The public names stand in `__init__.pyi`, here and in each room one level below; each is fetched when it is first used,
so that importing truthmap loads nothing heavy.
"""

import lazy_loader

from truthmap._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
