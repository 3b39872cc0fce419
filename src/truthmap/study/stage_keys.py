"""What each stage's result depends on, as digests: change a setting and only what depends on it is redone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from truthmap.files import digest_of, file_digest
from truthmap.study.study import Study

STAGES = ("questions", "answers", "grades", "states", "grid", "figures", "report")

_FORMAT = 1
"""Raise when stored results of older versions must not be used any more."""

_OWN_SETTINGS = {
    "questions": ("questions", "questions_split", "columns", "skip_bad", "limit", "seed"),
    "answers": (
        "model", "revision", "dtype", "quantization", "prompt_format", "trust_remote_code", "max_new_tokens",
    ),
    "grades": ("grading", "locating", "judge", "locator", "protocol"),
    "states": ("sites", "blocks"),
    "grid": ("permutations",),
    "figures": (),
    "report": (),
}  # fmt: skip

_OF_OTHER_ENGINES = ("engine", "endpoint_model")
"""What answers depend on besides, where transformers does not generate them."""


def stage_keys(study: Study) -> dict[str, str]:
    """Return each stage's key: the digest of its settings and of the stage before it."""
    settings = study.kept_settings()
    before: dict[str, Any] = {"format": _FORMAT, "file": _content_of(study)}
    keys = {}
    for stage in STAGES:
        names = _OWN_SETTINGS[stage]
        if stage == "answers" and study.engine != "transformers":
            names += _OF_OTHER_ENGINES
        keys[stage] = digest_of({"before": before, "own": {name: settings[name] for name in names}})
        before = {"key": keys[stage]}
    return keys


def _content_of(study: Study) -> str | None:
    path = study.questions_file or Path(study.questions)
    if study.questions_file is not None and path.is_dir():
        return digest_of({file.name: file_digest(file) for file in sorted(path.glob("*.csv"))})
    return file_digest(path) if path.is_file() else None
