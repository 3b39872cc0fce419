"""Ids that came before, at about 20 bytes each: for files of any length."""

from __future__ import annotations

import numpy as np

from truthmap.seeding import seed_from

_SMALLEST_MERGE = 1 << 16


class IdFilter:
    """Says of each id whether it came before.

    Ids are known by a 63-bit digest: that two of 10 million different ones share theirs has a chance of 1 in 180,000.
    New ones gather in a set, which is merged into a sorted array whenever it has grown to a sixteenth of it. The array
    takes 8 bytes an id, and as many again while it is merged; the rest is the set.
    """

    def __init__(self) -> None:
        self._fresh: set[int] = set()
        self._sorted = np.empty(0, dtype=np.int64)

    def add(self, name: str) -> bool:
        """Take an id in; say whether it is new."""
        digest = seed_from("id", name)
        place = int(np.searchsorted(self._sorted, digest))
        if digest in self._fresh or (place < len(self._sorted) and self._sorted[place] == digest):
            return False
        self._fresh.add(digest)
        if len(self._fresh) >= max(_SMALLEST_MERGE, len(self._sorted) // 16):
            fresh = np.fromiter(self._fresh, dtype=np.int64, count=len(self._fresh))
            self._fresh.clear()
            fresh.sort()
            self._sorted = np.concatenate([self._sorted, fresh])
            self._sorted.sort(kind="stable")  # of two sorted runs: merges them
        return True
