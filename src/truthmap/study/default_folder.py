"""The run folder of a study that names none."""

from __future__ import annotations

from pathlib import Path

RUNS = "runs"


def default_folder(model: str, questions: str) -> Path:
    """Return `runs/MODEL-QUESTIONS` for a model's and a question set's name, path or hub id."""
    return Path(RUNS) / f"{_short(model)}-{_short(questions)}"


def _short(name: str) -> str:
    """Return the last part of a path or hub id, fit for a folder's name."""
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(name).stem)
    return kept.strip(".-") or "run"
