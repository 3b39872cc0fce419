"""The numbers that states are stored in, and what a state then takes on disk."""

from __future__ import annotations

from enum import StrEnum


class StoreDtype(StrEnum):
    """What states are narrowed to before they are stored; how is in `narrow`."""

    AUTO = "auto"
    """The model's own dtype: nothing is narrowed."""
    BFLOAT16 = "bfloat16"
    FLOAT8 = "float8"
    """Eight bits a number (e4m3): deviations from the cell's mean in the shard, a scale for each row."""


_BYTES = {StoreDtype.BFLOAT16: 2, StoreDtype.FLOAT8: 1}
_SCALE = 4  # bytes, of a row
_CENTRE = 4  # bytes, of a dimension in each cell of a shard


def stored_bytes(width: int, computed: int, stored: StoreDtype, shard: int) -> float:
    """Return the bytes that one row's state in one cell takes on disk.

    Args:
        width: Numbers in a state (d).
        computed: Bytes of each in the model's dtype.
        stored: What they are narrowed to.
        shard: Rows in a shard, which share a mean.
    """
    own = width * _BYTES.get(stored, computed)
    return own + _SCALE + _CENTRE * width / shard if stored is StoreDtype.FLOAT8 else float(own)
