"""truthmap: where inside a language model the correctness of its own answers can be read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from truthmap._version import __version__ as __version__

if TYPE_CHECKING:
    from truthmap.detector.detector import Detector, load_detector
    from truthmap.errors import TruthmapError
    from truthmap.lm.load import load_model
    from truthmap.lm.load_settings import LoadSettings
    from truthmap.lm.model import LanguageModel
    from truthmap.pipeline.seal import seal_detector
    from truthmap.positions import Position
    from truthmap.questions.loading import load_questions
    from truthmap.records import Outcome, Site, Split, SplitAssignment
    from truthmap.runs.run import Run, open_run
    from truthmap.study.study import Study
    from truthmap.terminal.progress import Bars


__all__ = [
    "Bars",
    "Detector",
    "LanguageModel",
    "LoadSettings",
    "Outcome",
    "Position",
    "Run",
    "Site",
    "Split",
    "SplitAssignment",
    "Study",
    "TruthmapError",
    "load_detector",
    "load_model",
    "load_questions",
    "open_run",
    "seal_detector",
]

_HOME = {
    "Bars": "truthmap.terminal.progress",
    "Detector": "truthmap.detector.detector",
    "LanguageModel": "truthmap.lm.model",
    "LoadSettings": "truthmap.lm.load_settings",
    "Outcome": "truthmap.records",
    "Position": "truthmap.positions",
    "Run": "truthmap.runs.run",
    "Site": "truthmap.records",
    "Split": "truthmap.records",
    "SplitAssignment": "truthmap.records",
    "Study": "truthmap.study.study",
    "TruthmapError": "truthmap.errors",
    "load_detector": "truthmap.detector.detector",
    "load_model": "truthmap.lm.load",
    "load_questions": "truthmap.questions.loading",
    "open_run": "truthmap.runs.run",
    "seal_detector": "truthmap.pipeline.seal",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name when it is first used: importing truthmap alone loads nothing heavy."""
    if name not in _HOME:
        raise AttributeError(f"module 'truthmap' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
