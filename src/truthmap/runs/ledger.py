"""The ledger of a run: which stages are finished, from what, and what their files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath, is_inside, read_json

MEASURED = frozenset({"peak_bytes"})
"""What a stage's note says of the work, not of its result."""

STAGES = ("questions", "answers", "grades", "states", "grid", "figures", "report")
"""The stages of a run in their order; each depends on those before it."""


@dataclass(frozen=True)
class StageEntry:
    """What is known of a finished stage.

    Attributes:
        key: Digest of the stage's settings and of its inputs' keys.
        files: Name in the run folder → SHA-256 of the content.
        seconds: How long the work took, over all interrupted tries that wrote it down.
        note: Small results of the stage.
    """

    key: str
    files: Mapping[str, str]
    seconds: float
    note: Mapping[str, Any]


def read_ledger(path: AnyPath) -> dict[str, Any]:
    """Read what is written down of each finished stage; nothing where there is no ledger yet.

    Raises:
        DamagedFileError: it is no mapping of stages.
    """
    if not path.exists():
        return {}
    ledger = read_json(path)
    if not isinstance(ledger, dict):
        raise DamagedFileError(f"{path} is damaged: expected a mapping of stages; delete it to redo the run")
    return ledger


def stage_entry(found: Any, path: AnyPath) -> StageEntry:
    """Return one stage's entry of the ledger at `path`.

    Raises:
        DamagedFileError: it is no such entry, or names files outside the run.
    """
    try:
        entry = StageEntry(**found)
        outside = [name for name in entry.files if not is_inside(name)]
    except (TypeError, AttributeError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}; delete it to redo the run") from error
    if outside:
        raise DamagedFileError(f"{path} is damaged: {outside[0]!r} is no file of the run; delete it to redo the run")
    return entry


def with_stage(ledger: Mapping[str, Any], stage: str, entry: StageEntry) -> dict[str, Any]:
    """Return the ledger with a finished stage.

    A stage that comes out otherwise than it stood there takes those behind it out: they were made from what it was
    before.
    """
    made, before = asdict(entry), ledger.get(stage, {})
    behind: tuple[str, ...] = ()
    if stage in STAGES and _result(made) != _result(before):
        behind = STAGES[STAGES.index(stage) + 1 :]
    return {**{name: kept for name, kept in ledger.items() if name not in behind}, stage: made}


def _result(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what later stages depend on of an entry."""
    note = entry.get("note") or {}
    return entry.get("key"), entry.get("files"), {name: value for name, value in note.items() if name not in MEASURED}
