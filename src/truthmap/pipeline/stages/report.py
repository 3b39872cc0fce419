"""The stage that puts everything a run found on one page."""

from __future__ import annotations

from truthmap.pipeline.stages.base import StageResult
from truthmap.report.build import page_of
from truthmap.report.page import write_page
from truthmap.runs.file_names import REPORT
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run
from truthmap.terminal.progress import Progress


def write_report_stage(folder: RunFolder, progress: Progress) -> StageResult:
    """Write the page at the end of a run."""
    with progress.stage("Writing the report", None):
        write_page(page_of(Run(folder)), folder / REPORT)
    return StageResult([REPORT])
