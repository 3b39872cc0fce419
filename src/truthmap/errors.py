"""The one exception tree: whatever truthmap raises on purpose is a `TruthmapError`.

TruthmapError
├── UsageError           also a ValueError
├── QuestionsError       also a ValueError
├── ModelError
├── RunFolderError
├── DamagedFileError
├── NotEnoughDataError   also a ValueError
├── StorageError         also an OSError
└── PartialError
"""

from __future__ import annotations

import re
from typing import ClassVar

__all__ = [
    "DamagedFileError",
    "ModelError",
    "NotEnoughDataError",
    "PartialError",
    "QuestionsError",
    "RunFolderError",
    "StorageError",
    "TruthmapError",
    "UsageError",
]


class TruthmapError(Exception):
    """Something the user can mend. The message says what was expected, what came and what to do.

    Attributes:
        address: The part of the site that says more of faults of this kind.
    """

    address: ClassVar[str] = "faults.html#fault"

    def __init_subclass__(cls) -> None:
        words = re.findall("[A-Z][a-z]+", cls.__name__)[:-1]
        cls.address = f"faults.html#{'-'.join(words).lower()}"


class UsageError(TruthmapError, ValueError):
    """A setting or an argument is outside what is allowed."""


class QuestionsError(TruthmapError, ValueError):
    """A question set is unknown, unreadable or malformed."""


class ModelError(TruthmapError):
    """A model is unknown, cannot be loaded or lacks what was asked of it."""


class RunFolderError(TruthmapError):
    """A run folder is no run, belongs to other settings or is in use."""


class DamagedFileError(TruthmapError):
    """A stored file does not hold what its digest says."""


class NotEnoughDataError(TruthmapError, ValueError):
    """Too few answers, or answers of one outcome only, for what was asked."""


class StorageError(TruthmapError, OSError):
    """A file cannot be written or read: the disk is full, the folder is read-only."""


class PartialError(TruthmapError):
    """A part of the work failed for good (shards, questions); the message names it, all else is finished and kept."""
