"""What every stage gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StageResult:
    """What a stage leaves in the run folder.

    Attributes:
        files: The files that it has written, by their names in the run folder.
        note: Small results that are plain data, for the ledger.
        scratch: Folders that are of no use once the stage is in the ledger.
    """

    files: Sequence[str]
    note: Mapping[str, Any] = field(default_factory=dict)
    scratch: Sequence[str] = ()
