"""The analyses, a line each, in the order of the command line's help and of the page."""

from __future__ import annotations

from importlib import import_module

from truthmap.analyses.base import Analysis

FOLDERS = (
    "audit",
    "compare",
    "controls",
    "thought",
    "early_exit",
    "samples",
    "errors",
    "select",
    "transfer",
    "diff",
    "labels",
)
"""Each folder beside this file whose `command.py` ends with an `ANALYSIS`."""

ANALYSES: tuple[Analysis, ...] = tuple(import_module(f"truthmap.analyses.{name}.command").ANALYSIS for name in FOLDERS)
"""The records of all analyses; loading them loads neither torch nor any drawing code."""


def analysis_of(saved_name: str) -> Analysis | None:
    """Return the analysis that saves its results under this name, or `None`."""
    return next((analysis for analysis in ANALYSES if analysis.key_of(saved_name) is not None), None)
