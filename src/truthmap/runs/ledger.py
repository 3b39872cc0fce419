"""The ledger of a run: which stages are finished, from what, and what their files hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath, digest_of, is_inside, read_json
from truthmap.runs import file_names
from truthmap.shown import ShortRepr

MEASURED = frozenset({"peak_bytes", "judge_cost"})
"""What a stage's note says of the work, not of its result."""

STAGES = ("questions", "answers", "grades", "states", "grid", "second_grades", "figures", "report")
"""The stages of a run in their order; each depends on those before it."""

_FILES: Mapping[str, frozenset[str]] = {
    "questions": frozenset({file_names.QUESTIONS, file_names.SPLITS}),
    "answers": frozenset({file_names.ANSWERS}),
    "grades": frozenset({file_names.GRADES, file_names.AUDIT}),
    "states": frozenset(),
    "grid": frozenset(
        {
            file_names.GRID,
            file_names.SCORES,
            file_names.PERMUTATION_NULL,
            file_names.LEARNING_CURVE,
            file_names.SUMMARY,
        }
    ),
    "second_grades": frozenset({file_names.SECOND_GRADES}),
    "figures": frozenset({file_names.HEATMAP_PNG, file_names.HEATMAP_SVG}),
    "report": frozenset({file_names.REPORT}),
    "samples": frozenset({file_names.SAMPLES, file_names.SAMPLE_GRADES}),
}
"""The files that each entry of the ledger can have."""
_SEAL = "seal"
"""Under this name stands the digest of the rest of an entry; entries of older versions have none."""
_MOST = 16 << 20
_REDO = "`truthmap verify` with --repair makes again what is in doubt"
_IN_FOLDERS = {
    file_names.ANALYSES: re.compile(rf"{file_names.ANALYSES}/[\w-]+\.(json|parquet|png|svg)"),
    file_names.DETECTOR: re.compile(rf"{file_names.DETECTOR}/[a-z_]+\.(json|safetensors|png|svg)"),
}
"""The files that entries can have whose files lie in a folder: `analyses/NAME` and `detector`."""


@dataclass(frozen=True, repr=False)
class StageEntry(ShortRepr):
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
    ledger = read_json(path, _MOST)
    if not isinstance(ledger, dict):
        raise DamagedFileError(f"{path} is damaged: expected a mapping of stages; {_REDO}")
    return ledger


def analysis_entry(name: str) -> str:
    """Return the name that the entry of a saved analysis has in the ledger."""
    return f"{file_names.ANALYSES}/{name}"


def stage_entry(stage: str, found: Any, path: AnyPath) -> StageEntry:
    """Return one entry of the ledger at `path`.

    Raises:
        DamagedFileError: it is no such entry, not as it was written, or names files that the stage does not have.
    """
    try:
        content = dict(found)
        seal = content.pop(_SEAL, None)
        entry = StageEntry(**content)
        strange = [name for name in entry.files if not _is_file_of(stage, name)]
        intact = isinstance(entry.note, dict) and seal in (None, digest_of(content))
    except (TypeError, ValueError, AttributeError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}; {_REDO}") from error
    if strange:
        raise DamagedFileError(f"{path} is damaged: {strange[0]!r} is no file of the run; {_REDO}")
    if not intact:
        raise DamagedFileError(f"{path} is damaged: what it says of {stage!r} is not what was written; {_REDO}")
    return entry


def without_damaged(ledger: Mapping[str, Any], path: AnyPath) -> tuple[dict[str, Any], list[str]]:
    """Return the entries of a ledger that are as they were written, and what is wrong with the others."""
    faults = {stage: _fault(stage, found, path) for stage, found in ledger.items()}
    kept = {stage: found for stage, found in ledger.items() if faults[stage] is None}
    return kept, [fault for fault in faults.values() if fault is not None]


def _fault(stage: str, found: Any, path: AnyPath) -> str | None:
    try:
        stage_entry(stage, found, path)
    except DamagedFileError as error:
        return str(error)
    return None


def _is_file_of(stage: str, name: Any) -> bool:
    if not is_inside(name):
        return False
    if stage in _FILES:
        return name in _FILES[stage]
    pattern = _IN_FOLDERS.get(stage.partition("/")[0])
    return pattern is not None and pattern.fullmatch(name) is not None


def sealed(entry: StageEntry) -> dict[str, Any]:
    """Return an entry as it stands in the ledger, with the digest of all that it says."""
    content = asdict(entry)
    return {**content, _SEAL: digest_of(content)}


def map_key(entries: Mapping[str, StageEntry]) -> str:
    """Return the digest of a run's map and of all that it was made from: what the analyses of a run depend on."""
    behind = STAGES[: STAGES.index("grid") + 1]
    return digest_of({stage: _result(asdict(entries[stage])) for stage in behind if stage in entries})


def with_stage(ledger: Mapping[str, Any], stage: str, entry: StageEntry) -> dict[str, Any]:
    """Return the ledger with a finished stage.

    A stage that comes out otherwise than it stood there takes those behind it out: they were made from what it was
    before.
    """
    made, before = sealed(entry), ledger.get(stage, {})
    behind: tuple[str, ...] = ()
    if stage in STAGES and _result(made) != _result(before):
        behind = STAGES[STAGES.index(stage) + 1 :]
    return {**{name: kept for name, kept in ledger.items() if name not in behind}, stage: made}


def _result(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what later stages depend on of an entry."""
    note = entry.get("note") or {}
    return entry.get("key"), entry.get("files"), {name: value for name, value in note.items() if name not in MEASURED}
