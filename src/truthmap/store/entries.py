"""What the index of a store says of a finished shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truthmap.errors import DamagedFileError, UsageError
from truthmap.positions import LEGACY_POSITIONS, Position
from truthmap.records import RowKey


@dataclass(frozen=True)
class ShardEntry:
    """What the index says of a finished shard.

    Attributes:
        key: Digest of everything that made it.
        digest: SHA-256 of the file.
        header: SHA-256 of the file's header, which holds the checksums of the states.
        size: Bytes in the file.
        ids: The rows' keys, in the order of axis n.
        positions: Names of the positions, in the order of axis P; `None` for a shard of format 2, which names none.
        narrowed: What its states are narrowed to, where reading them takes more than their tensor (`float8`).
    """

    key: str
    digest: str
    header: str
    size: int
    ids: tuple[RowKey, ...]
    positions: tuple[str, ...] | None = None
    narrowed: str | None = None


def positions_named(where: str, names: Sequence[str] | None) -> tuple[Position, ...]:
    """Return the positions of these names; a shard that names none is of format 2, and holds what those hold.

    Raises:
        DamagedFileError: this version does not know one of them.
    """
    try:
        return LEGACY_POSITIONS if names is None else tuple(map(Position.of, names))
    except UsageError as error:
        raise DamagedFileError(
            f"{where} holds a position that this truthmap does not know ({error}); read it with the version that wrote "
            "it, or delete it to have the states captured again"
        ) from error
