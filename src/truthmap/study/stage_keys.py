"""What each stage's result depends on, as digests: change a setting and only what depends on it is redone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from truthmap.files import digest_of, file_digest
from truthmap.runs.folder import FORMAT
from truthmap.runs.ledger import STAGES
from truthmap.settings_base import keyed
from truthmap.study.study import Study

STAGE_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "questions": ("seed", "questions"),
    "answers": ("model", "answers"),
    "grades": ("protocol", "grading"),
    "states": ("states",),
    "grid": ("grid",),
    "second_grades": ("second",),
    "figures": (),
    "report": (),
}
"""The parts of a study that each stage depends on, besides the stage before it."""

STAGE_VERSIONS: Mapping[str, int] = {"grid": 3}
"""How a stage makes its numbers, where that changed: raise it, and the stage and those after it are made anew."""


def stage_keys(study: Study) -> dict[str, str]:
    """Return each stage's key: the digest of its settings and of the stage before it."""
    before: dict[str, Any] = {"format": FORMAT, "file": _content_of(study)}
    keys = {}
    for stage in STAGES:
        own = {name: _plain(getattr(study, name)) for name in STAGE_SETTINGS[stage]}
        versioned = {"version": STAGE_VERSIONS[stage]} if stage in STAGE_VERSIONS else {}
        keys[stage] = digest_of({"before": before, "own": own, **versioned})
        before = {"key": keys[stage]}
    return keys


def _plain(value: Any) -> Any:
    return keyed(value) if isinstance(value, BaseModel) else value


def _content_of(study: Study) -> str | None:
    named = study.questions.file
    path = named or Path(study.questions.name)
    if named is not None and path.is_dir():
        return digest_of({file.name: file_digest(file) for file in sorted(path.glob("*.csv"))})
    return file_digest(path) if path.is_file() else None
