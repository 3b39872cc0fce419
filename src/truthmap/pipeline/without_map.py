"""What becomes of a run from whose answers no map can be drawn: its answers and grades can be read all the same."""

from __future__ import annotations

import shlex

from truthmap.errors import NotEnoughDataError
from truthmap.execution.active_run import ActiveRun
from truthmap.report.answers import answers_page
from truthmap.report.page import write_page
from truthmap.runs.data import RunData
from truthmap.runs.file_names import (
    GRID,
    HEATMAP_PNG,
    HEATMAP_SVG,
    LEARNING_CURVE,
    PERMUTATION_NULL,
    REPORT,
    SCORES,
    SUMMARY,
)
from truthmap.runs.run import Run
from truthmap.runs.stored_run import NO_MAP

_OF_A_MAP = (GRID, SCORES, PERMUTATION_NULL, LEARNING_CURVE, SUMMARY, HEATMAP_PNG, HEATMAP_SVG)


def end_without_map(run: ActiveRun, error: NotEnoughDataError) -> NotEnoughDataError:
    """Write down that a run has no map and why, and its page; return what to tell the user.

    What an earlier map of the folder has left is removed: it is not of these answers.
    """
    folder = run.folder
    for name in _OF_A_MAP:
        folder.remove(name)
    folder.finish(NO_MAP, run.keys["states"], [], 0.0, {"why": str(error)})
    write_page(answers_page(RunData(Run(folder)), str(error)), folder / REPORT)
    return NotEnoughDataError(
        f"{str(error).rstrip('.')}. Answers and grades are in {folder.address}: open {folder.address}/{REPORT}, or "
        f"`truthmap show {shlex.quote(folder.address)}`"
    )
