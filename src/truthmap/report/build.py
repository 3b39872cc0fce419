"""Everything a run found on one page: at the end of a run, and anew after its analyses."""

from __future__ import annotations

import time
from pathlib import Path

from truthmap.report.answers import answers_page
from truthmap.report.embedding import Room, plotly_source, script_json
from truthmap.report.maps import pack_maps, shown_answers, site_maps
from truthmap.report.page import Page, write_page
from truthmap.report.sections import PageData, saved_analyses, sections_of
from truthmap.runs.data import RunData
from truthmap.runs.file_names import REPORT
from truthmap.runs.run import Run

_STAGE = "report"
_LARGEST_PAGE = 7_500_000  # bytes; the texts around maps and files take a little more


def write_report(run: Run, out: Path | None = None) -> Path:
    """Write the page of a finished run anew, with whatever analyses it has by now.

    Args:
        run: A finished run.
        out: Where to write; by default `report.html` in the run folder.

    Returns:
        The page's path.

    Raises:
        RunFolderError: another process is working in the run folder.
        DamagedFileError: a file of the run does not hold what it should.
        StorageError: the page cannot be written.
    """
    if out is not None:
        write_page(page_of(run), out)
        return out
    folder, path = run.folder, run.folder / REPORT
    with run.held():
        started = time.perf_counter()
        write_page(page_of(run), path)
        entry = folder.entries().get(_STAGE)
        if entry is not None:
            # The ledger knows the page by its digest: the next `truthmap run` must not take it for a broken one.
            folder.finish(_STAGE, entry.key, [REPORT], time.perf_counter() - started, entry.note)
    return run.path / REPORT


def page_of(run: Run) -> Page:
    """Collect what the page says from the saved records of a run; of one without a map, its answers."""
    data = RunData.load(run)
    if run.why_no_map is not None:
        return answers_page(data, run.why_no_map)
    summary, maps = data.summary, site_maps(data)
    packed = pack_maps(maps, shown_answers(data), (summary.site, summary.layer, summary.position))
    room = Room(_LARGEST_PAGE - len(plotly_source()) - len(script_json(packed)))
    sections = sections_of(PageData(data, maps, saved_analyses(run), room))
    return Page(summary.headline, sections, packed)
