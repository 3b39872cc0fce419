"""truthmap: where inside a language model the correctness of its own answers can be read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from truthmap.detector import Detector, load_detector
    from truthmap.errors import TruthmapError
    from truthmap.lm import LanguageModel, LoadSettings, load_model
    from truthmap.pipeline import Bars, Run, Study, open_run
    from truthmap.pipeline.sealing import seal_detector
    from truthmap.questions import load_questions
    from truthmap.records import Outcome, Part, Position, Site

__version__ = "0.1.0"

__all__ = [
    "Bars",
    "Detector",
    "LanguageModel",
    "LoadSettings",
    "Outcome",
    "Part",
    "Position",
    "Run",
    "Site",
    "Study",
    "TruthmapError",
    "load_detector",
    "load_model",
    "load_questions",
    "open_run",
    "seal_detector",
]

_HOME = {
    **dict.fromkeys(("Detector", "load_detector"), "truthmap.detector"),
    **dict.fromkeys(("Bars", "Run", "Study", "open_run"), "truthmap.pipeline"),
    **dict.fromkeys(("LanguageModel", "LoadSettings", "load_model"), "truthmap.lm"),
    **dict.fromkeys(("Outcome", "Part", "Position", "Site"), "truthmap.records"),
    "TruthmapError": "truthmap.errors",
    "load_questions": "truthmap.questions",
    "seal_detector": "truthmap.pipeline.sealing",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name when it is first used: importing truthmap alone loads nothing heavy."""
    if name not in _HOME:
        raise AttributeError(f"module 'truthmap' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
