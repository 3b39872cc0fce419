"""What a run's model said when it was asked again: a table that vouches for itself, for the next call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from truthmap.errors import DamagedFileError
from truthmap.execution.active_run import ActiveRun
from truthmap.files import reason_of
from truthmap.records import RowKey
from truthmap.runs.tables import read_sealed

KEY = "key"
"""The column with what the replies depend on, the same in each row."""
T = TypeVar("T")


def kept_replies(
    active: ActiveRun, name: str, key: str, replies_of: Callable[[pd.DataFrame], dict[RowKey, T]]
) -> dict[RowKey, T]:
    """Return what an earlier call wrote; nothing where it was of other answers, or cannot be read any more.

    Args:
        active: The run.
        name: The file in its folder.
        key: What replies depend on now.
        replies_of: Takes the table apart.
    """
    path = active.folder / name
    if not path.exists():
        return {}
    try:
        table = read_sealed(path)
        return replies_of(table) if len(table) and set(table[KEY]) == {key} else {}
    except (DamagedFileError, KeyError, TypeError, ValueError, AttributeError) as error:
        active.progress.say(f"{path} cannot be used ({reason_of(error)}); asking the model again")
        return {}
